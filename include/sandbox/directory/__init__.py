"""A SCIM 2.0 directory to try the sync on: scim2-server's service over an SQL database.

``capabilities`` says what it offers, ``storage`` keeps the accounts in ``tables``, ``filters`` turns SCIM filters into
SQL, ``seeding`` invents the people who are not students, ``server`` serves it; the command is
``python -m sandbox.directory``.
"""
