"""The rules: from SIMS's tables to the records that validated, and to accounts as they should be."""
