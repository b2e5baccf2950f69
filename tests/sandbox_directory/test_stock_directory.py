"""What the stock scim2-server command offers, as the sync's second target."""

from __future__ import annotations

import pytest
import requests

from stock import STUDENT_EXTENSION


def get(stock, path):
    headers = {"Authorization": f"Bearer {stock.token}"} if stock.token else {}
    return requests.get(stock.url + path, headers=headers, timeout=10)


@pytest.mark.parametrize("stock_directory", [{"extension": True}, {"extension": False}], indirect=True)
def test_it_knows_roles_and_the_student_extension_only_when_loaded(stock_directory):
    schemas = {each["id"]: each for each in get(stock_directory, "/Schemas").json()["Resources"]}
    attributes = {each["name"] for each in schemas["urn:ietf:params:scim:schemas:core:2.0:User"]["attributes"]}
    assert "roles" in attributes
    assert (STUDENT_EXTENSION in schemas) is stock_directory.extension
    assert get(stock_directory, "/SyncReports").status_code == 404


@pytest.mark.parametrize(
    ("stock_directory", "status"), [({}, 401), ({"token": None}, 200)], indirect=["stock_directory"]
)
def test_it_asks_for_a_token_when_it_has_one(stock_directory, status):
    assert requests.get(f"{stock_directory.url}/Users", timeout=10).status_code == status
