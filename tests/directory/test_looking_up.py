"""Who holds a user name, and whether an account is really gone, without a request too many (SPEC section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from scripted_directory import ETAGS, Answer, ScriptedDirectory, directory_at, scripted_directory

from sims_sync.directory.writes import AccountChange, Create

EVERYBODY = [{"id": f"a{each}", "userName": f"User.{each}", "externalId": f"{each}"} for each in range(60)]


class Listing(ScriptedDirectory):
    """:param everybody: who is listed.
    :param refusal: the answer to every write.
    """

    everybody: list[dict[str, Any]]
    refusal: Answer


@pytest.fixture
def server() -> Iterator[Any]:
    with scripted_directory() as script:
        script.everybody, script.refusal = list(EVERYBODY), (409, {}, {})  # type: ignore[attr-defined]

        def respond(method: str, path: str, _: Any) -> Answer:
            if method != "GET":
                return script.refusal  # type: ignore[attr-defined, no-any-return]
            query = {name: value[0] for name, value in parse_qs(urlsplit(path).query).items()}
            found = script.everybody  # type: ignore[attr-defined]
            if "filter" in query:  # as many servers answer one that they do not know
                found = []
            return 200, {}, {"totalResults": len(found), "Resources": found[int(query["startIndex"]) - 1 :]}

        script.respond = respond
        yield script


def look_ups(server: Any) -> int:
    return sum(each.startswith("GET") for each in server.seen)


def test_the_holder_of_a_user_name_is_found_without_regard_to_case(server: Any) -> None:
    directory = directory_at(server.url)
    for _ in range(2):
        assert (directory.find_by_user_name("USER.7") or {})["id"] == "a7"
        assert directory.find_by_user_name("nobody") is None


def test_many_conflicts_do_not_list_the_directory_each_time(server: Any) -> None:
    directory = directory_at(server.url)
    for each in range(60):
        assert (directory.find_by_user_name(f"user.{each}") or {})["id"] == f"a{each}"
    assert look_ups(server) == 2


def test_an_account_that_this_run_creates_is_known_as_the_holder_of_its_user_name(server: Any) -> None:
    directory = directory_at(server.url)
    assert directory.find_by_user_name("sibling@example.org") is None
    server.refusal = (201, {}, {"id": "b1"})
    list(directory.write([Create("1", {"userName": "Sibling@example.org", "externalId": "901"})]))
    holder = directory.find_by_user_name("sibling@example.org") or {}
    assert (holder["id"], holder["externalId"]) == ("b1", "901")
    assert look_ups(server) == 2


def change(account_id: str) -> AccountChange:
    return AccountChange("1", account_id, 'W/"1"', {"id": account_id}, {"active": False})


def test_an_account_that_is_not_found_but_listed_has_failed_and_is_not_missing(server: Any) -> None:
    """Else it would be created a second time."""
    server.refusal = (404, {}, {})
    (written,) = directory_at(server.url).write([change("a7")])
    assert written.status == "failed"
    assert "lists" in (written.detail or "")


def test_an_account_that_is_neither_found_nor_listed_is_missing(server: Any) -> None:
    server.refusal = (404, {}, {})
    (written,) = directory_at(server.url).write([change("b7")])
    assert written.status == "missing"


def test_an_account_that_cannot_be_read_again_but_is_listed_has_failed(server: Any) -> None:
    listed = server.respond
    server.respond = lambda method, path, body: (404, {}, {}) if "/Users/" in path else listed(method, path, body)
    reread = ETAGS.model_copy(update={"etag": False})
    statuses = [written.status for written in directory_at(server.url, reread).write([change("a7"), change("b7")])]
    assert statuses == ["failed", "missing"]


def test_whether_an_account_is_gone_is_not_known_when_nobody_answers(server: Any) -> None:
    server.respond = lambda method, path, _: (404, {}, {}) if method != "GET" else (501, {}, {})
    (written,) = directory_at(server.url).write([change("a7")])
    assert written.status == "failed"
