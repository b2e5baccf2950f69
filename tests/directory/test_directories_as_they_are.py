"""Nights on directories that lack an attribute, or know no filter: what they have is written, and the rest is told once
(SPEC section 3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from csv_nights import LEAVER, PERSON, counts, night, notes, user, writes
from nights_without_airflow import Night
from proxy import Forward, Proxy, Reply, Request
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.model.attributes import EXTENSION

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"

Change = Callable[[list[dict[str, Any]]], None]


def whose_schema(urn: str, change: Change) -> Callable[[Request, Forward], Reply]:
    """A directory with other attributes in one of its schemas."""

    def meddle(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        if "/Schemas" not in request.path:
            return reply
        answer = json.loads(reply.body)
        for schema in answer["Resources"]:
            if schema["id"] == urn:
                change(schema["attributes"])
        return replace(reply, body=json.dumps(answer).encode())

    return meddle


def without(*names: str) -> Change:
    def change(attributes: list[dict[str, Any]]) -> None:
        attributes[:] = [each for each in attributes if each["name"] not in names]

    return change


def with_values(name: str, **values: Any) -> Change:
    def change(attributes: list[dict[str, Any]]) -> None:
        for each in attributes:
            if each["name"] == name:
                each.update(values)

    return change


@pytest.mark.parametrize(
    "change",
    [without("phoneNumbers"), with_values("phoneNumbers", mutability="readOnly")],
    ids=["missing", "read-only"],
)
def test_an_attribute_without_a_place_is_left_out_and_told_and_the_rest_is_written(
    school: SchoolWithoutAirflow, proxy: Proxy, change: Change
) -> None:
    proxy.meddle = whose_schema(CORE, change)
    told = night(school, PERSON)
    assert counts(told) == {"extracted": 1, "created": 1}
    assert "no place that can be written for these: Home telephone, Mobile telephone. They" in notes(told)
    told = night(school, PERSON, surname="Newname", telephone="01632 960002")
    assert counts(told) == {"extracted": 1, "updated": 1}
    assert not any("phoneNumbers" in each for each in writes(proxy))
    assert user(school, PERSON)["name"]["familyName"] == "Newname"
    proxy.seen.clear()
    assert counts(night(school, PERSON, surname="Newname")) == {"extracted": 1, "unchanged": 1}
    assert writes(proxy) == []


def test_where_the_mark_has_no_place_leavers_are_disabled_and_enabled_when_they_are_back(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    proxy.meddle = whose_schema(EXTENSION, without("disabledBySync"))
    night(school, PERSON, LEAVER)
    night(school, PERSON)
    assert user(school, LEAVER)["active"] is False
    night(school, PERSON, LEAVER)
    assert user(school, LEAVER)["active"] is True
    assert not any("disabledBySync" in each for each in writes(proxy))


def test_an_immutable_attribute_is_written_once(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    proxy.meddle = whose_schema(CORE, with_values("phoneNumbers", mutability="immutable"))
    night(school, PERSON)
    assert [each["value"] for each in user(school, PERSON)["phoneNumbers"]] == ["01632 960001"]
    assert counts(night(school, PERSON, telephone="01632 960002")) == {"extracted": 1, "unchanged": 1}


def test_everybody_is_listed_and_no_filter_is_ever_asked_for(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    def answers_filters_by_nothing(request: Request, forward: Forward) -> Reply:
        if "filter=" in request.path:
            return Reply(200, b'{"totalResults": 0, "Resources": []}', {"Content-Type": "application/scim+json"})
        return forward(request)

    proxy.meddle = answers_filters_by_nothing
    night(school, PERSON, LEAVER)
    assert counts(night(school, PERSON)) == {"extracted": 1, "unchanged": 1, "disabled": 1}
    assert not any("filter=" in each.path for each in proxy.seen)


def test_a_directory_without_discovery_gets_what_the_core_schema_has(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    def hidden(request: Request, forward: Forward) -> Reply:
        is_discovery = request.path.rpartition("/v2")[2].startswith(("/Service", "/Resource", "/Schemas"))
        return Reply(404) if is_discovery else forward(request)

    proxy.meddle = hidden
    assert counts(night(school, PERSON, LEAVER)) == {"extracted": 2, "created": 2}
    assert counts(night(school, PERSON, surname="Newname")) == {"extracted": 1, "updated": 1, "disabled": 1}
    assert not any(EXTENSION in each for each in writes(proxy))
    proxy.seen.clear()
    assert counts(night(school, PERSON, surname="Newname")) == {"extracted": 1, "unchanged": 1}
    assert writes(proxy) == []


def put_user(school: SchoolWithoutAirflow, **values: Any) -> None:
    """An account that the sync did not make."""
    headers = {"Authorization": "Bearer token", "Content-Type": "application/scim+json"}
    body = json.dumps({"schemas": [CORE], "active": True, **values})
    requests.post(f"{school.directory}/Users", body, headers=headers, timeout=10).raise_for_status()


def codes(told: Night) -> list[str]:
    assert told.reported
    return [error.code for error in told.reported.report.errors]


def test_a_user_name_that_is_taken_may_be_a_400_of_the_type_uniqueness(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    put_user(school, userName="01", externalId="teacher", roles=[{"value": "staff"}])

    def as_400(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        return replace(reply, status=400) if reply.status == 409 else reply

    proxy.meddle = as_400
    assert codes(night(school, PERSON)) == ["username_in_use"]


def test_a_user_name_of_an_account_that_the_directory_hides_is_in_use(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    put_user(school, userName="02", externalId=LEAVER, active=False, roles=[{"value": "student"}])

    def hides(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        if request.method != "GET" or "/Users?" not in request.path:
            return reply
        shown = [each for each in json.loads(reply.body)["Resources"] if each["active"]]
        start = int(request.path.partition("startIndex=")[2].partition("&")[0])
        answer = {"totalResults": len(shown), "Resources": shown[start - 1 :]}
        return replace(reply, body=json.dumps(answer).encode())

    proxy.meddle = hides
    assert codes(night(school, PERSON, LEAVER)) == ["username_in_use"]


def test_a_server_that_compares_weak_tags_as_strong_ones_is_written_to_without_one(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    night(school, PERSON, LEAVER)

    def never_matches(request: Request, forward: Forward) -> Reply:
        weak = any(name.lower() == "if-match" and value.startswith("W/") for name, value in request.headers.items())
        return Reply(412, b'{"status": "412"}', {"Content-Type": "application/scim+json"}) if weak else forward(request)

    proxy.meddle = never_matches
    assert counts(night(school, PERSON, surname="Newname")) == {"extracted": 1, "updated": 1, "disabled": 1}
    assert user(school, PERSON)["name"]["familyName"] == "Newname"
    assert user(school, LEAVER)["active"] is False


def test_a_role_that_is_still_there_is_not_counted_as_taken_away(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    put_user(school, userName="both", externalId=LEAVER, roles=[{"value": "student"}, {"value": "staff"}])

    proxy.meddle = lambda request, forward: Reply(204) if request.method == "PATCH" else forward(request)
    with pytest.raises(AssertionError, match="with the role of a student: person person-2"):
        night(school, PERSON)
