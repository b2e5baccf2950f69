"""The key ``directory`` of a school: a table of paths, not a language (SPEC section 3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.config.schools_file import load_schools

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

RIGHT: list[dict[str, Any]] = [
    {"students": "roles:pupil"},
    {"students": "userType:Student"},
    {"students": f"{ENTERPRISE}:department=Year 7: Oak"},
    {"key": "employeeNumber"},
    {"key": f"{ENTERPRISE}:employeeNumber", "key_prefix": "sims-"},
    {"without": ["discovery", "patch", "bulk", "etag", "sort", "totals"]},
    {"filter": True, "page_size": 50},
    {"attributes": {"home_email": 'emails[type eq "other"]', "gender": "none", "date_of_birth": "urn:a:b:born"}},
    {"attributes": {'phoneNumbers[type eq "mobile"]': "none"}},
    {"extension": "urn:example:scim:schemas:student:1.0:User"},
    {"extension": "none"},
    {"on_create": {"displayName": "{given_name} {family_name}", "password": "random", "name.formatted": "{user_name}"}},
]  # fmt: skip

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"studnets": "roles:student"}, "studnets"),
    ({"students": "student"}, "is no marker"),
    ({"students": "emails:student"}, "is no marker"),
    ({"students": f"{ENTERPRISE}:department"}, "is no marker"),
    ({"students": "userType:"}, "is no marker"),
    ({"key": "emails"}, "is no path to one value"),
    ({"key": "active"}, "is no path to one value"),
    ({"key": 'emails[type eq "work"]'}, "is no path to one value"),
    ({"key": ""}, "directory.key"),
    ({"without": ["post"]}, "directory.without"),
    ({"without": "patch"}, "directory.without"),
    ({"page_size": 0}, "directory.page_size"),
    ({"filter": "yes"}, "directory.filter"),
    ({"attributes": {"shoe_size": "none"}}, "shoe_size is none of"),
    ({"attributes": {"user_name": "none"}}, "user_name is none of"),
    ({"attributes": {"gender": "emails"}}, "is no path"),
    ({"attributes": {"gender": "a path"}}, "is no path"),
    ({"attributes": {"gender": 7}}, "directory.attributes.gender"),
    ({"attributes": {"home_email": "externalId"}}, "two values would be written to one place: externalid"),
    ({"attributes": {"home_telephone": 'phoneNumbers[type eq "mobile"]'}}, "two values would be written to one place"),
    ({"key": "userName"}, "two values would be written to one place: username"),
    ({"students": "userType:a", "on_create": {"userType": "b"}}, "two values would be written to one place"),
    ({"extension": "student"}, "is no URN"),
    ({"on_create": {"displayName": "{surname}"}}, "nothing else in braces"),
    ({"on_create": {"displayName": "{given_name!r}"}}, "nothing else in braces"),
    ({"on_create": {"displayName": "{given_name.__class__}"}}, "nothing else in braces"),
    ({"on_create": {"displayName": "{given_name"}}, "has a brace without its partner"),
    ({"on_create": {"roles": "x"}}, "is no path to one value"),
]


def written(folder: Path, directory: Any, defaults: Any = None) -> Path:
    entry = {"id": "green-abbey", "name": "Green Abbey", "la": "823", "estab": "4321", "modules": ["x"]}
    document = {
        "defaults": {"username": "admission_number", **({"directory": defaults} if defaults else {})},
        "schools": [{**entry, "directory": directory}],
    }
    path = folder / "schools.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    return path


@pytest.mark.parametrize("directory", RIGHT, ids=str)
def test_what_a_directory_needs_is_taken(tmp_path: Path, directory: dict[str, Any]) -> None:
    schools, errors = load_schools(written(tmp_path, directory))
    assert not errors
    assert set(schools) == {"green-abbey"}


@pytest.mark.parametrize(("directory", "told"), WRONG, ids=str)
def test_what_cannot_be_meant_names_file_school_and_key(tmp_path: Path, directory: dict[str, Any], told: str) -> None:
    path = written(tmp_path, directory)
    schools, (error,) = load_schools(path)
    assert not schools
    assert str(error).startswith(f"{path}: school green-abbey: key `directory")
    assert told in str(error)


def test_a_school_says_key_by_key_what_it_has_otherwise_than_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, {"filter": True}, defaults={"students": "userType:student", "filter": False})
    directory = load_schools(path)[0]["green-abbey"].directory
    assert directory == DirectorySettings(students="userType:student", filter=True)
