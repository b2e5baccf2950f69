"""What somebody may see of a run: its files whole, or without what depends on special categories (SPEC section 9)."""

from __future__ import annotations

from sims_sync.runs.reading import RunReader
from sims_sync.runs.redaction import RedactedReader
from sims_sync.store.folder import Folder
from sims_sync.store.layout import find_run_folder


def seen(root: Folder, school_id: str, run_id: str, *, may_edit: bool, only: str | None = None) -> RunReader:
    """The files of a run.

    :param may_edit: whether the user may edit the school's DAG.
    :param only: a person's key: of plan and results nothing else is read.
    """
    return (RunReader if may_edit else RedactedReader)(find_run_folder(root, school_id, run_id), only=only)
