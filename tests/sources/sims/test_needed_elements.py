"""A document of which not one row has an element that must be there is refused (SPEC section 2)."""

from __future__ import annotations

import re
from datetime import date

import pytest
from scripted_sims import Script

from sims_sync.model.errors import RollRefused
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.operations import OPERATIONS, Operation
from sims_sync.sources.sims.sims_source import ROWS_THAT_TELL, Sims
from sims_sync.sources.source import SPECIAL, extract

TODAY = date(2026, 11, 23)
SCHOOL = "<Schools><School><LEA>823</LEA><Estab>4321</Estab></School></Schools>"
NEEDED = [(operation, element) for operation in OPERATIONS for element in operation.needed]


def document(operation: Operation, rows: int, **other: str | None) -> str:
    """Rows with all elements.

    :param other: what an element holds instead; none where it is absent.
    """

    def row(number: int) -> str:
        values = {element: other.get(element, str(number)) for element in operation.columns}
        return "".join(f"<{element}>{value}</{element}>" for element, value in values.items() if value is not None)

    body = "".join(f"<{operation.row}>{row(number)}</{operation.row}>" for number in range(1, rows + 1))
    return f"<{operation.root}>{body}</{operation.root}>"


def documents(*, rows: int = ROWS_THAT_TELL) -> dict[str, str]:
    return {"GetXmlSchool": SCHOOL, **{each.name: document(each, rows) for each in OPERATIONS}}


def refusal(script: Script, client: SimsClient, changed: dict[str, str], **names: tuple[str, ...]) -> RollRefused:
    script.send_documents({**documents(), **changed})
    with pytest.raises(RollRefused) as caught:
        extract(Sims(lambda: client, "823", "4321", names), TODAY)
    return caught.value


@pytest.mark.parametrize(("operation", "element"), NEEDED, ids=str)
@pytest.mark.parametrize("value", [None, "", "  ", "\u200b", "&#x1F;"])
def test_a_document_of_which_not_one_row_has_a_needed_element_is_refused(
    script: Script, client: SimsClient, operation: Operation, element: str, value: str | None
) -> None:
    fault = refusal(script, client, {operation.name: document(operation, ROWS_THAT_TELL, **{element: value})})
    assert fault.message.startswith(f"{operation.name}: not one row that SIMS sent has a valid `{element}`")
    assert "`sims.names`" in fault.advice
    assert "Third Party Reporter" in fault.advice
    assert script.operations[-1] == operation.name, "nothing more is asked for"
    if operation.table in SPECIAL:
        assert not re.search("[0-9]", fault.message), "how many rows there are is told to nobody"


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if "PersonID" in each.needed], ids=str)
@pytest.mark.parametrize("value", ["-5", "5f1c", "0x10", "1 2"])
def test_person_ids_none_of_which_is_one_are_none(
    script: Script, client: SimsClient, operation: Operation, value: str
) -> None:
    fault = refusal(script, client, {operation.name: document(operation, ROWS_THAT_TELL, PersonID=value)})
    assert "`PersonID`" in fault.message


@pytest.mark.parametrize(("operation", "element"), NEEDED, ids=str)
def test_four_rows_tell_nothing_and_one_of_many_is_enough(
    script: Script, client: SimsClient, operation: Operation, element: str
) -> None:
    row = document(operation, 1).partition(">")[2].rpartition("<")[0]
    without = document(operation, 20, **{element: None})
    for content in (
        document(operation, ROWS_THAT_TELL - 1, **{element: None}),
        without.replace(f"</{operation.root}>", f"{row}</{operation.root}>"),
    ):
        script.send_documents({**documents(), operation.name: content})
        if (operation.table, element, content) == ("emails", "EmailAddress", document(operation, 4, EmailAddress=None)):
            continue  # not one email address: refused for that reason
        extract(Sims(lambda: client, "823", "4321"), TODAY)


@pytest.mark.parametrize(("operation", "element"), NEEDED, ids=str)
def test_under_the_name_that_is_configured_it_is_there(
    script: Script, client: SimsClient, operation: Operation, element: str
) -> None:
    expected_documents = documents()
    script.send_documents(expected_documents)
    expected = extract(Sims(lambda: client, "823", "4321"), TODAY).tables[operation.table]
    renamed = expected_documents[operation.name].replace(f"{element}>", f"Its.{element}>")
    script.send_documents({**expected_documents, operation.name: renamed})
    found = extract(Sims(lambda: client, "823", "4321", {element: (f"Its.{element}",)}), TODAY)
    assert found.tables[operation.table].equals(expected)


def test_a_document_without_rows_lacks_nothing(script: Script, client: SimsClient) -> None:
    empty = {each.name: f"<{each.root}/>" for each in OPERATIONS if each.table not in ("students", "emails")}
    script.send_documents({**documents(), **empty})
    assert len(extract(Sims(lambda: client, "823", "4321"), TODAY).tables["students"]) == ROWS_THAT_TELL
