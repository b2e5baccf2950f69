"""Students on roll in SIMS become user accounts in a SCIM directory.

The way of the data, one stage a step (each stage a pure function from its inputs to its outputs)::

    sims/  ──► tables ──► students/  ──► accounts as they should be ┐
                                                                    ├─► changes/ ──► plan ──► writes
    directory/ ─────────► accounts as they are ────────────────────┘

``runs/`` keeps the files between two stages, ``airflow/`` is the only package that knows Airflow.
"""
