"""What was told is remembered; a memory that is lost tells again, and stops nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sims_sync.runs.documents import STAGES
from sims_sync.runs.notices import FailureNotice, Notices
from sims_sync.store.content import as_json
from sims_sync.store.local import LocalFolder

FAILING = FailureNotice(
    since=datetime(2026, 9, 15, 2, tzinfo=UTC), run_id="tonight", stage="load", kind="TransientFault", message="Down."
)


def test_what_was_told_is_remembered(tmp_path: Path) -> None:
    notices = Notices(failing=FAILING, told="the directory could not be used", records=("101:no_email",))
    notices.save(LocalFolder(tmp_path / "state"))
    assert Notices.of(LocalFolder(tmp_path / "state")) == notices


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"failing": null, "told": "", "records": 3}', b"\xff"])
def test_a_memory_that_is_lost_or_cannot_be_read_is_as_if_nothing_had_been_told(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "notices.json").write_bytes(content)
    assert Notices.of(LocalFolder(tmp_path)) == Notices()


@pytest.mark.parametrize(
    "own", [{"stage": "adjourn"}, {"since": "2026-09-14T02:13:00"}, {"since": "0001-01-01T00:00:00+00:00"}]
)
def test_a_memory_that_a_mail_could_not_tell_is_as_if_nothing_had_been_told(
    tmp_path: Path, own: dict[str, str]
) -> None:
    failing = {"since": "2026-09-14T02:13:00+00:00", "run_id": "x", "stage": "load", "kind": "", "message": "m"}
    for stage in (*STAGES, "run"):
        LocalFolder(tmp_path).write("notices.json", as_json({"failing": {**failing, "stage": stage}}))
        assert Notices.of(LocalFolder(tmp_path)).failing is not None
    LocalFolder(tmp_path).write("notices.json", as_json({"failing": {**failing, **own}}))
    assert Notices.of(LocalFolder(tmp_path)) == Notices()


def test_a_memory_that_is_a_folder_is_as_if_nothing_had_been_told(tmp_path: Path) -> None:
    (tmp_path / "notices.json").mkdir()
    assert Notices.of(LocalFolder(tmp_path)) == Notices()
