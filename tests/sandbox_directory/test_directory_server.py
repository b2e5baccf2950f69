"""The directory over loopback: who gets in, what it refuses, what it keeps, what it tells tests."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest
import requests

from sandbox.directory.__main__ import main
from sandbox.directory.capabilities import STUDENT_EXTENSION, SYNC_REPORT, Capabilities
from sandbox.directory.server import PortInUse, running

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
REPORT = {
    "schemas": [SYNC_REPORT],
    "runId": "manual__1",
    "effectiveDate": "2026-09-21",
    "outcome": "success",
    "counts": {"created": 3},
    "errors": [{"personId": "2447", "code": "no_surname"}],
}


def user(name, **attributes):
    return {"schemas": [USER], "userName": name, **attributes}


def student(name, external_id, **extension):
    schemas = [USER, STUDENT_EXTENSION]
    roles = [{"value": "student"}]
    return user(name, externalId=external_id, roles=roles) | {"schemas": schemas, STUDENT_EXTENSION: extension}


def patch(*operations):
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def bulk(*operations, **options):
    return {"schemas": [BULK], "Operations": list(operations), **options}


def posts(*names):
    return [{"method": "POST", "path": "/Users", "bulkId": name, "data": user(name)} for name in names]


def names(answer):
    return [each["userName"] for each in answer.json().get("Resources", [])]


# -- who gets in --


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic ZGlyZWN0b3J5LXRva2Vu", "Bearer"])
def test_a_request_without_the_bearer_token_is_answered_401_with_a_challenge(directory, header):
    headers = {"Authorization": header} if header else {}
    answer = requests.get(f"{directory.url}/Users", headers=headers, timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert requests.post(f"{directory.url}/Users", json=user("a"), headers=headers, timeout=10).status_code == 401
    assert directory.users() == []


def test_the_service_provider_configuration_needs_no_token(directory):
    answer = requests.get(f"{directory.url}/ServiceProviderConfig", timeout=10)
    assert answer.status_code == 200
    assert [each["type"] for each in answer.json()["authenticationSchemes"]] == ["oauthbearertoken"]


# -- accounts --


def test_a_taken_user_name_is_a_409_of_type_uniqueness_whatever_its_case(scim):
    first = scim("POST", "/Users", user("0101")).json()
    scim("POST", "/Users", user("ada@example.org"))
    answer = scim("POST", "/Users", user("ADA@example.org"))
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    renamed = patch({"op": "replace", "path": "userName", "value": "Ada@Example.org"})
    assert scim("PATCH", f"/Users/{first['id']}", renamed).status_code == 409
    assert scim("GET", f"/Users/{first['id']}").json()["userName"] == "0101"


def test_two_accounts_may_have_one_external_id(scim):
    assert [scim("POST", "/Users", user(name, externalId="2447")).status_code for name in "ab"] == [201, 201]


def test_if_match_with_an_old_version_is_a_412_and_changes_nothing(scim):
    created = scim("POST", "/Users", user("a"))
    path, version = f"/Users/{created.json()['id']}", created.headers["ETag"]
    assert version == created.json()["meta"]["version"] == 'W/"1"'
    change = patch({"op": "replace", "path": "active", "value": False})
    first = scim("PATCH", path, change, headers={"If-Match": version})
    assert (first.status_code, first.headers["ETag"]) == (204, 'W/"2"')
    for method, body in (("PATCH", change), ("PUT", user("a", active=True)), ("DELETE", None)):
        assert scim(method, path, body, headers={"If-Match": version}).status_code == 412
    assert scim("GET", path).json()["active"] is False
    assert scim("GET", path, headers={"If-None-Match": 'W/"2"'}).status_code == 304


def test_a_patch_that_changes_nothing_keeps_the_version(scim):
    created = scim("POST", "/Users", user("a", active=True)).json()
    same = scim("PATCH", f"/Users/{created['id']}", patch({"op": "replace", "path": "active", "value": True}))
    assert same.headers["ETag"] == created["meta"]["version"]


def test_a_password_is_accepted_and_not_kept(scim, directory):
    assert scim("POST", "/Users", user("a", password="correct horse")).status_code == 201
    assert "password" not in directory.users()[0]


def test_the_extension_and_its_genders_are_in_the_schemas(scim):
    schema = scim("GET", f"/Schemas/{STUDENT_EXTENSION}").json()
    gender = next(each for each in schema["attributes"] if each["name"] == "gender")
    assert gender["canonicalValues"] == ["Male", "Female"]
    types = {each["name"]: each for each in scim("GET", "/ResourceTypes").json()["Resources"]}
    assert STUDENT_EXTENSION in [each["schema"] for each in types["User"]["schemaExtensions"]]
    assert types["SyncReport"]["endpoint"] == "/SyncReports"


def test_a_sync_report_is_kept(scim, directory):
    assert scim("POST", "/SyncReports", REPORT).status_code == 201
    (report,) = directory.reports()
    assert report["errors"] == REPORT["errors"]
    assert report["counts"] == {"created": 3}


# -- searches --

FILTERS = {
    'userName eq "GRACE"': {"grace"},
    'externalId eq "2448"': {"alan"},
    'roles[value eq "student"] or externalId pr': {"ada", "alan", "grace"},
    'roles.value eq "STAFF"': {"grace", "joan"},
    'roles.value eq "staff" and not (externalId pr)': {"joan"},
    'not (roles.value eq "student")': {"joan", "edsger", "grace"},
    'not (externalId eq "2447")': {"alan", "grace", "joan", "edsger"},
    'roles[value eq "student"] and active eq false': {"alan"},
    f'{STUDENT_EXTENSION}:schoolIdentifier eq "004604"': {"ada"},
    'userName sw "a"': {"ada", "alan"},
}


@pytest.fixture
def people(directory):
    directory.put_user(student("ada", "2447", schoolIdentifier="004604"))
    directory.put_user(student("alan", "2448") | {"active": False, "roles": [{"value": "Student"}]})
    directory.put_user(user("grace", externalId="900001", roles=[{"value": "staff"}, {"value": "contact"}]))
    directory.put_user(user("joan", roles=[{"value": "Staff"}, {"value": "staff"}]))
    directory.put_user(user("edsger"))


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("scim_filter", "found"), FILTERS.items())
def test_a_filter_finds_those_it_names_in_sql_or_in_python(scim, scim_filter, found):
    answer = scim("GET", "/Users", params={"filter": scim_filter})
    assert (set(names(answer)), answer.json()["totalResults"]) == (found, len(found))


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("sort_by", ["userName", "id", "externalId", "meta.created", "name.familyName"])
def test_sorted_pages_hold_every_account_once(scim, sort_by):
    for order in ("ascending", "descending"):
        query = {"sortBy": sort_by, "sortOrder": order, "count": 2}
        pages = [scim("GET", "/Users", params={**query, "startIndex": start}) for start in (1, 3, 5)]
        assert sorted(name for page in pages for name in names(page)) == ["ada", "alan", "edsger", "grace", "joan"]
    if sort_by == "userName":
        assert names(pages[0]) == ["joan", "grace"]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("directory", [{"page_size": 2}], indirect=True)
def test_a_page_never_holds_more_than_the_page_size(scim):
    answer = scim("GET", "/Users", params={"count": 100}).json()
    assert (answer["totalResults"], answer["itemsPerPage"], len(answer["Resources"])) == (5, 2, 2)
    assert names(scim("GET", "/Users", params={"startIndex": 5})) == ["edsger"]


def test_an_unknown_attribute_in_a_filter_is_a_400(scim):
    answer = scim("GET", "/Users", params={"filter": 'shoeSize eq "9"'})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")


# -- what is off --


@pytest.mark.parametrize("directory", [{"patch": False}], indirect=True)
def test_without_patch_a_patch_is_a_501_alone_and_in_bulk_and_put_works(scim):
    assert scim("GET", "/ServiceProviderConfig").json()["patch"] == {"supported": False}
    created = scim("POST", "/Users", user("a")).json()
    path = f"/Users/{created['id']}"
    change = patch({"op": "replace", "path": "active", "value": False})
    assert scim("PATCH", path, change).status_code == 501
    answer = scim("POST", "/Bulk", bulk({"method": "PATCH", "path": path, "data": change}))
    assert [each["status"] for each in answer.json()["Operations"]] == ["501"]
    assert scim("PUT", path, user("a", active=False)).json()["active"] is False


@pytest.mark.parametrize("directory", [{"bulk": False}], indirect=True)
def test_without_bulk_a_bulk_request_is_a_501(scim, directory):
    assert scim("GET", "/ServiceProviderConfig").json()["bulk"]["supported"] is False
    assert scim("POST", "/Bulk", bulk(*posts("a"))).status_code == 501
    assert directory.users() == []


@pytest.mark.parametrize("directory", [{"etag": False}], indirect=True)
def test_without_etags_there_are_no_versions(scim):
    assert scim("GET", "/ServiceProviderConfig").json()["etag"] == {"supported": False}
    created = scim("POST", "/Users", user("a"))
    assert "ETag" not in created.headers
    assert "version" not in created.json()["meta"]


@pytest.mark.parametrize("directory", [{"filter": False, "sort": False}], indirect=True)
def test_without_filters_and_sorting_both_are_a_501_and_lists_work(scim):
    assert scim("GET", "/ServiceProviderConfig").json()["filter"]["supported"] is False
    scim("POST", "/Users", user("a"))
    assert scim("GET", "/Users", params={"filter": 'userName eq "a"'}).status_code == 501
    assert scim("GET", "/Users", params={"sortBy": "userName"}).status_code == 501
    assert names(scim("GET", "/Users")) == ["a"]


@pytest.mark.parametrize("directory", [{"extension": False, "sync_report": False}], indirect=True)
def test_without_the_extension_and_sync_reports_neither_is_known(scim, directory):
    schemas = [each["id"] for each in scim("GET", "/Schemas").json()["Resources"]]
    assert not {STUDENT_EXTENSION, SYNC_REPORT} & set(schemas)
    assert scim("GET", f"/Schemas/{STUDENT_EXTENSION}").status_code == 404
    assert scim("POST", "/SyncReports", REPORT).status_code == 404
    created = scim("POST", "/Users", user("a")).json()
    change = patch({"op": "add", "path": f"{STUDENT_EXTENSION}:gender", "value": "Female"})
    assert scim("PATCH", f"/Users/{created['id']}", change).status_code == 400
    assert STUDENT_EXTENSION not in directory.users()[0]


# -- bulk --


@pytest.mark.parametrize("directory", [{"max_operations": 2, "max_payload_size": 2000}], indirect=True)
def test_a_bulk_request_over_a_limit_is_a_413_and_nothing_of_it_is_done(scim, directory):
    offered = scim("GET", "/ServiceProviderConfig").json()["bulk"]
    assert offered == {"supported": True, "maxOperations": 2, "maxPayloadSize": 2000}
    assert scim("POST", "/Bulk", bulk(*posts("a", "b", "c"))).status_code == 413
    assert scim("POST", "/Bulk", bulk(*posts("a", "b" * 2000))).status_code == 413
    assert directory.users() == []
    assert scim("POST", "/Bulk", bulk(*posts("a", "b"))).status_code == 200


def test_a_failed_bulk_operation_does_not_undo_the_others(scim, directory):
    answer = scim("POST", "/Bulk", bulk(*posts("a", "A", "b")))
    operations = answer.json()["Operations"]
    assert [each["status"] for each in operations] == ["201", "409", "201"]
    assert operations[0]["version"] == 'W/"1"'
    assert operations[1]["response"]["scimType"] == "uniqueness"
    assert [each["userName"] for each in directory.users()] == ["a", "b"]


def test_a_bulk_request_stops_after_the_errors_that_it_accepts(scim, directory):
    answer = scim("POST", "/Bulk", bulk(*posts("a", "A", "b"), failOnErrors=1))
    assert [each["status"] for each in answer.json()["Operations"]] == ["201", "409"]
    assert [each["userName"] for each in directory.users()] == ["a"]


def test_a_bulk_operation_of_an_old_version_is_a_412(scim):
    created = scim("POST", "/Users", user("a")).json()
    path = f"/Users/{created['id']}"
    change = patch({"op": "replace", "path": "active", "value": False})
    operation = {"method": "PATCH", "path": path, "version": 'W/"1"', "data": change}
    answer = scim("POST", "/Bulk", bulk(operation, operation))
    assert [each["status"] for each in answer.json()["Operations"]] == ["200", "412"]


# -- what it keeps, and what it tells tests --


def test_accounts_and_versions_outlast_a_restart(tmp_path):
    with running(tmp_path / "directory.sqlite", token="t") as directory:
        made = directory.put_user(student("ada", "2447", gender="Female"))
        directory.put_user(student("ada", "2447", gender="Male") | {"id": made})
        before = directory.users()
    with running(tmp_path / "directory.sqlite", token="t") as directory:
        assert directory.users() == before
        answer = requests.get(f"{directory.url}/Users/{made}", headers={"Authorization": "Bearer t"}, timeout=10)
    assert answer.headers["ETag"] == 'W/"2"'
    assert answer.json()[STUDENT_EXTENSION] == {"gender": "Male"}


def test_every_request_is_recorded_and_only_writes_of_accounts_count_as_such(scim, directory):
    scim("GET", "/Users", params={"filter": 'userName eq "a"'})
    scim("POST", "/Users/.search", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]})
    scim("POST", "/SyncReports", REPORT)
    assert [(each.method, each.path, each.status, each.writes) for each in directory.requests] == [
        ("GET", "/Users", 200, 0),
        ("POST", "/Users/.search", 200, 0),
        ("POST", "/SyncReports", 201, 0),
    ]
    assert directory.requests[0].query == {"filter": 'userName eq "a"'}
    assert directory.writes == 0
    scim("POST", "/Bulk", bulk(*posts("a", "A", "b")))
    scim("POST", "/Users", user("a"))
    scim("DELETE", "/Users/unknown")
    assert [(each.status, each.writes) for each in directory.requests[3:]] == [(200, 3), (409, 1), (404, 1)]
    assert directory.writes == 5
    directory.requests.clear()
    assert directory.writes == 0


def test_a_path_or_a_method_that_is_none_and_a_body_that_is_no_json_are_scim_errors(scim, directory):
    assert scim("GET", "/Nothing").status_code == 404
    assert scim("DELETE", "/Users").status_code == 405
    broken = scim("POST", "/Users", data="{", headers={"Content-Type": "application/scim+json"})
    assert (broken.status_code, broken.json()["scimType"]) == (400, "invalidSyntax")
    assert scim("POST", "/Bulk", data="[]", headers={"Content-Type": "application/scim+json"}).status_code == 400
    assert directory.users() == []


def test_requests_from_several_connections_at_once_all_get_through(directory):
    def create(number):
        headers = {"Authorization": f"Bearer {directory.token}"}
        return requests.post(f"{directory.url}/Users", json=user(f"u{number}"), headers=headers, timeout=10)

    with ThreadPoolExecutor(4) as pool:
        assert {answer.status_code for answer in pool.map(create, range(40))} == {201}
    assert len(directory.users()) == 40


# -- the command --

COMMAND = [sys.executable, "-m", "sandbox.directory"]


def test_the_command_fills_and_serves_until_it_is_told_to_stop(tmp_path):
    database = str(tmp_path / "directory.sqlite")
    filled = subprocess.run([*COMMAND, "fill", "--database", database], capture_output=True, text=True, check=True)
    assert filled.stdout == "Made 33 accounts\n"
    serve = [*COMMAND, "serve", "--database", database, "--port", "0", "--token", "t", "--no-patch", "--page-size", "5"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = line.removeprefix("Serving the directory at ").strip()
        assert url.endswith("/scim/v2")
        config = requests.get(f"{url}/ServiceProviderConfig", timeout=10).json()
        found = requests.get(f"{url}/Users", headers={"Authorization": "Bearer t"}, timeout=10).json()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    assert config["patch"] == {"supported": False}
    assert (found["totalResults"], found["itemsPerPage"]) == (33, 5)


def test_a_port_in_use_is_a_clear_error(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--database", str(tmp_path / "a"), "--port", str(port), "--token", "t"]) == 1
        with pytest.raises(PortInUse, match=f"port {port} of 127.0.0.1"), running(tmp_path / "b", token="t", port=port):
            pass
    assert f"port {port} of 127.0.0.1 cannot be opened" in capsys.readouterr().err


def test_filling_twice_is_a_clear_error(tmp_path, capsys):
    fill = ["fill", "--database", str(tmp_path / "a"), "--staff", "1", "--contacts", "0"]
    assert [main(fill), main(fill)] == [0, 1]
    assert "holds accounts already" in capsys.readouterr().err


def test_the_help_names_every_capability(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = capsys.readouterr().out
    for each in fields(Capabilities):
        prefix = "--no-" if isinstance(each.default, bool) else "--"
        assert f"{prefix}{each.name.replace('_', '-')}" in shown
