"""Students on roll in SIMS become user accounts in a SCIM directory.

The way of the data, one stage a step (each stage a pure function from its inputs to its outputs)::

    sources/ ──► tables ──► students/ ──► accounts as they should be ┐
                                                                     ├─► changes/ ──► plan ──► writes
    directory/ ─────────► accounts as they are ──────────────────────┘

``model/`` says what an attribute and the key of a person are; ``night/`` runs the stages, one after the other;
``runs/`` keeps the files between two of them, in a place that ``store/`` knows; ``airflow/`` and ``ui/`` alone know
Airflow.
"""
