"""``airflow sims-sync forget``: what was learnt of a directory is tried again (SPEC section 3)."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import timedelta

from sims_sync.airflow.configured import configured_store
from sims_sync.model.errors import SyncError
from sims_sync.runs.retention import school_ids
from sims_sync.runs.state import SchoolState
from sims_sync.store.lease import hold_lease


def forget(options: Namespace) -> None:
    """Forget what was learnt of a school's directory.

    :raises SystemExit: there is no such school, or a run writes to its directory now.
    """
    root = configured_store()
    there = school_ids(root)
    if options.school not in there:
        raise SystemExit(f"The store has no folder of {options.school}. There are: {', '.join(there) or 'none'}.")
    state = SchoolState(root, options.school)
    try:
        with hold_lease(state.folder, "directory", "airflow sims-sync forget", wait=timedelta(0)):
            known = state.forget_directory()
    except SyncError as fault:
        raise SystemExit(str(fault)) from None
    sys.stdout.write("Forgotten: the next run tries it again.\n" if known else "Nothing was known of this directory.\n")
