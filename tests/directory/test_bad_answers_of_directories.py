"""What a directory's bad answers do: each its own clear fault, without a value of a person (SPEC section 3)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from scripted_directory import (
    NAME,
    Answer,
    ScriptedDirectory,
    directory_at,
    endpoint,
    scripted_directory,
)

from sandbox.directory import server
from sims_sync.directory.discovery import discover
from sims_sync.directory.listing import list_accounts
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.writes import AccountChange, Create
from sims_sync.model.errors import (
    CredentialsRefused,
    PermanentFault,
    PermissionMissing,
    SyncError,
    TransientFault,
    UnexpectedAnswer,
)

PERSON = {"userName": "ada.archer", "name": {"familyName": "Archer"}}


@pytest.fixture
def scripted() -> Iterator[ScriptedDirectory]:
    with scripted_directory() as script:
        yield script


ANSWERS: dict[str, tuple[Answer, type[SyncError]]] = {
    "401": ((401, {}, {"detail": "token of Archer"}), CredentialsRefused),
    "403": ((403, {}, {"detail": "not for Archer"}), PermissionMissing),
    "a page that is no SCIM": ((200, {"Content-Type": "text/html"}, b"<html>Archer</html>"), UnexpectedAnswer),
    "422": ((422, {}, b"Archer?"), UnexpectedAnswer),
    "a text": ((200, {}, "Archer"), UnexpectedAnswer),
}


@pytest.mark.parametrize("case", list(ANSWERS))
def test_discovery_says_which_connection_when_the_server_is_not_what_it_should_be(
    scripted: ScriptedDirectory, case: str
) -> None:
    answer, fault = ANSWERS[case]
    scripted.answer(answer)
    with pytest.raises(fault, match=NAME) as caught:
        discover(endpoint(scripted.url))
    assert type(caught.value) is fault
    assert "Archer" not in str(caught.value)
    assert len(scripted.seen) == 1, "not tried again"


def test_a_directory_whose_users_have_no_roles_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_roles(self: server.Capabilities) -> Any:
        schemas = [json.loads(each.model_dump_json()) for each in provider(self).schemas]
        types = [json.loads(each.model_dump_json()) for each in provider(self).resource_types]
        for schema in schemas:
            schema["attributes"] = [each for each in schema["attributes"] if each["name"] != "roles"]
        return server.ScimProvider.from_discovery(
            [Schema.model_validate(each) for each in schemas],
            [ResourceType.model_validate(each) for each in types],
            config=provider(self).config,
        )

    from scim2_models import ResourceType, Schema

    provider: Callable[[server.Capabilities], Any] = server.Capabilities.provider
    monkeypatch.setattr(server.Capabilities, "provider", without_roles)
    with (
        server.running(tmp_path / "directory.sqlite", token="token") as running,
        pytest.raises(PermanentFault, match="have no `roles`"),
    ):
        discover(endpoint(running.url))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_reading_is_tried_again_when_the_server_has_a_problem(scripted: ScriptedDirectory, status: int) -> None:
    page = {"totalResults": 0, "Resources": []}
    scripted.answer((status, {"Retry-After": "0"}, {}), (200, {}, page))
    assert directory_at(scripted.url).list_accounts() == []
    assert len(scripted.seen) == 2


def test_a_user_name_that_is_looked_up_stays_out_of_the_log_when_the_connection_breaks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(TransientFault) as caught:
            directory_at(gone).find_by_user_name("ada.archer@example.org")
    assert "archer" not in f"{caplog.text} {caught.value}"


def test_no_url_of_a_directory_gets_into_the_log_and_those_of_others_still_do(
    scripted: ScriptedDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    page = {"totalResults": 0, "Resources": []}
    scripted.answer((503, {"Retry-After": "0"}, {}), (200, {}, page))
    directory_at(scripted.url).find_by_user_name("ada.archer@example.org")
    assert len(scripted.seen) == 2, "tried again, which urllib3 logs"
    assert "urllib3" not in {record.name.partition(".")[0] for record in caplog.records}
    scripted.answer((200, {}, page))
    requests.get(f"{scripted.url}/Somewhere", timeout=10)
    assert "/Somewhere" in caplog.text


def test_retry_after_goes_with_the_fault(scripted: ScriptedDirectory) -> None:
    scripted.answer((503, {"Retry-After": "3600"}, {}))
    change = AccountChange("1", "a1", 'W/"1"', {}, {"active": False})
    (written,) = directory_at(scripted.url).write([change])
    assert written.status == "failed"
    assert scripted.seen == ["PATCH /Users/a1"], "a write is never repeated blindly"


def test_one_refused_record_does_not_stop_the_others_and_its_words_are_ours(
    scripted: ScriptedDirectory,
) -> None:
    refusal = {"scimType": "invalidValue", "detail": "family name ARCHER of 'ada.archer' or a@example.org is bad"}
    scripted.answer((400, {}, refusal), (201, {}, {"id": "a2"}))
    first, second = directory_at(scripted.url).write([Create("1", PERSON), Create("2", PERSON)])
    assert (first.status, second.status, second.account_id) == ("refused", "created", "a2")
    assert first.detail == "status 400, invalidValue"
    assert first.prose == refusal["detail"]


@pytest.mark.parametrize(("status", "meaning"), [(409, "conflict"), (412, "stale"), (500, "failed")])
def test_what_the_status_of_a_write_means(scripted: ScriptedDirectory, status: int, meaning: str) -> None:
    scripted.answer((status, {}, {}))
    (written,) = directory_at(scripted.url).write([AccountChange("1", "a1", 'W/"1"', {}, {"active": False})])
    assert written.status == meaning


def test_a_refused_login_ends_all_writing(scripted: ScriptedDirectory) -> None:
    scripted.answer((401, {}, {}))
    with pytest.raises(CredentialsRefused):
        list(directory_at(scripted.url).write([Create("1", PERSON), Create("2", PERSON)]))
    assert len(scripted.seen) == 1


def test_a_bulk_request_that_is_too_large_is_halved(tmp_path: Path) -> None:
    with server.running(tmp_path / "directory.sqlite", token="token", max_operations=3) as running:
        found = discover(endpoint(running.url))
        says_more = found.model_copy(update={"bulk": (1000, 10**6)})
        target = directory_at(running.url, says_more)
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"]
        creations = [Create(str(each), {"schemas": schemas, "userName": f"user-{each}"}) for each in range(10)]
        assert {written.status for written in target.write(creations)} == {"created"}
        assert len(running.users()) == 10


@pytest.mark.parametrize("answer", [{}, {"totalResults": "x"}, {"totalResults": 1, "Resources": [{"userName": "u"}]}])
def test_what_is_no_list_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer):
        list_accounts(lambda _: answer, STANDARD, sorted_by_id=False)
