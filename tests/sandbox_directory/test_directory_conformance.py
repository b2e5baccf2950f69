"""Every check of scim2-tester, over loopback."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from sandbox.directory.capabilities import STUDENT_EXTENSION, SYNC_REPORT, Capabilities

# scim2-tester invents a value for each attribute, but none for a dateTime that clients may write; and it adds a list of
# an extension twice and then expects one entry, which needs the same entry twice (RFC 7644 section 3.5.2.1).
FINISHED_AT = datetime(2026, 9, 21, 2, 15, tzinfo=UTC)
SEN_INFORMATION = {"value": "K", "display": "SEN support", "start_date": "2026-09-01", "end_date": "2027-07-31"}


@pytest.fixture
def described():
    """The directory as it describes itself, with the examples that the tester lacks."""
    provider = Capabilities(page_size=999).provider()  # not the one that is served: its models are changed here
    provider.model_for(SYNC_REPORT).model_fields["finished_at"].examples = [FINISHED_AT]
    entry = provider.model_for(STUDENT_EXTENSION).get_field_root_type("sen_information")
    for name, example in SEN_INFORMATION.items():
        entry.model_fields[name].examples = [example]
    return provider


def test_every_check_of_scim2_tester_passes(directory, described):
    with httpx2.Client(base_url=directory.url, headers={"Authorization": f"Bearer {directory.token}"}) as session:
        results = check_server(SyncSCIMClient(session, provider=described))
    failed = [f"{each.title}: {each.status.name} {each.reason}" for each in results if each.status != Status.SUCCESS]
    assert not failed
    assert {each.resource_type for each in results} >= {"User", "Group", "SyncReport"}
    assert len(results) > 180
