"""The same nights whatever the directory offers: the sandbox's with features off, and the stock scim2-server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox.directory import server as directory_server
from sandbox.sims.database import Database
from stock import stock_server

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night

EXTENSION = "urn:sims-sync:scim:schemas:extension:student:1.0:User"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 9, 14), date(2026, 9, 15), date(2026, 9, 16)
OFF: dict[str, dict[str, Any]] = {
    "bulk": {"bulk": False},
    "patch": {"patch": False},
    "etag": {"etag": False},
    "filter": {"filter": False},
    "page size 10": {"page_size": 10},
    "all of them": {"bulk": False, "patch": False, "etag": False, "filter": False, "sort": False, "page_size": 10},
    "the extension": {"extension": False},
}

pytestmark = pytest.mark.usefixtures("broker")


def three_nights(sims: Database, night: Night, users: Callable[[], list[dict[str, Any]]], *, extension: bool) -> None:
    """Joiners, a leaver and a change; a night without changes; the leaver is back."""
    for person_id in range(101, 114):
        sims.put_student(person_id, telephone="01632 960001", address={"street": "High Street", "town": "Ambridge"})
    sims.put_student(114, valid_to=MONDAY)
    first = night(MONDAY)
    assert (first.state, first.counts) == ("success", {"extracted": 14, "created": 14})

    sims.change("students", {"person_id": 101}, on=TUESDAY, surname="Newer")
    sims.end("telephones", {"person_id": 101}, MONDAY)
    sims.put_telephone(102, "07700 900001", "M", valid_from=TUESDAY)
    second = night(TUESDAY)
    assert second.counts == {"extracted": 13, "updated": 2, "unchanged": 11, "disabled": 1}
    again = night(TUESDAY)
    assert again.counts == {"extracted": 13, "unchanged": 13}

    by_person = {user["externalId"]: user for user in users() if user.get("externalId")}
    assert by_person["101"]["name"]["familyName"] == "Newer"
    assert not by_person["101"].get("phoneNumbers")
    assert sorted(phone["type"] for phone in by_person["102"]["phoneNumbers"]) == ["home", "mobile"]
    assert by_person["114"]["active"] is False
    assert by_person["114"]["addresses" if "addresses" in by_person["114"] else "emails"], "no data is cleared"
    assert (EXTENSION in by_person["101"]) is extension

    sims.rejoin(114, WEDNESDAY)
    third = night(WEDNESDAY)
    assert third.counts == {"extracted": 14, "updated": 1, "enabled": 1, "unchanged": 13}
    assert third.report
    assert len(third.report["notes"]) == (0 if extension else 1), "the report says so, once"
    assert all(user["active"] for user in users() if user.get("externalId"))


@pytest.mark.parametrize("missing", list(OFF))
def test_three_nights_with_a_directory_that_lacks(
    missing: str, tmp_path: Path, sims: Database, connect: Callable[..., None], night: Night
) -> None:
    with directory_server.running(tmp_path / "directory.sqlite", token="token", **OFF[missing]) as directory:
        connect("directory_green_abbey", host=directory.url, password="token")
        three_nights(sims, night, directory.users, extension=missing != "the extension")


@pytest.fixture(params=[True, False], ids=["with the extension", "with its default schemas only"])
def stock(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """The stock scim2-server command, in memory."""
    with stock_server(tmp_path, extension=request.param, token="token") as server:
        yield server


def test_three_nights_with_the_stock_scim2_server(
    stock: Any, sims: Database, connect: Callable[..., None], night: Night
) -> None:
    connect("directory_green_abbey", host=stock.url, password="token")

    def users() -> list[dict[str, Any]]:
        answer = requests.get(f"{stock.url}/Users?count=1000", headers={"Authorization": "Bearer token"}, timeout=30)
        resources: list[dict[str, Any]] = answer.json()["Resources"]
        return resources

    three_nights(sims, night, users, extension=stock.extension)
