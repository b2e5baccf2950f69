"""The past of a school: for tests that are not about first nights, and whose directory has student accounts already."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sims_sync.runs.mark import Mark
from sims_sync.runs.state import SchoolState
from sims_sync.store.folder import Folder

EARLIER = "an-earlier-run"


def ran_before(store: Folder, school_id: str) -> None:
    """Leave the mark of a run long ago, which is all that every earlier version left."""
    mark = Mark(
        effective_date=date(2020, 1, 6), extracted_at=datetime(2020, 1, 6, 2, tzinfo=UTC), run_id=EARLIER, rejected={}
    )
    SchoolState(store, school_id).save_mark(mark)
