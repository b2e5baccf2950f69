"""Only the whole and right answer of SIMS becomes tables (SPEC section 2): a real broker behind a hostile network."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import chain

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from harmless_answers import HARMLESS
from hostile_answers import HOSTILE
from proxy import Proxy, Reply, pass_on, proxy_to
from sandbox.sims import server
from sandbox.sims.database import Database
from sims_calls import VALUES, Call, Make, Trap, put_a_student, spoil, trap
from sims_sync.model.errors import SyncError, TransientFault, UnexpectedAnswer
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.operations import OPERATIONS, SCHOOL, Operation
from sims_sync.sources.sims.reader import read_document
from sims_sync.sources.sims.school_identity import read_school
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.sources.source import Extract, extract

TODAY = date(2026, 9, 15)
ALL = (SCHOOL, *OPERATIONS)

each_operation = pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The way to the broker of a school with a row in every document."""
    sims = Database(tmp_path_factory.mktemp("sims") / "sims.sqlite")
    sims.put_school()
    put_a_student(sims, 101)
    put_a_student(sims, 102)
    with server.running(sims, username="sync", password="secret") as broker, proxy_to(broker.url) as proxy:
        yield proxy
        assert broker.overlaps == 0


@pytest.fixture(autouse=True)
def _next_to_nobody(proxy: Proxy) -> Iterator[None]:
    yield
    proxy.meddle = pass_on


@pytest.fixture
def nobody() -> Iterator[Trap]:
    """An address that nobody asks."""
    with trap() as nobody:
        yield nobody
        assert nobody.asked == 0


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> SimsClient:
    return SimsClient(proxy.url, "sync", "secret", connection_name="sims_green_abbey", call_seconds=20)


def read(client: SimsClient, operation: Operation) -> pd.DataFrame:
    return read_document(operation, client.fetch(operation, TODAY))


def extracted(client: SimsClient) -> Extract:
    return extract(Sims(lambda: client, "823", "4321"), TODAY)


def fault_of(client: SimsClient, operation: Operation) -> SyncError:
    with pytest.raises(SyncError) as caught:
        read(client, operation)
    message = str(caught.value)
    assert message.startswith(f"{operation.name}: "), "the message names the operation"
    assert not [value for value in (*VALUES, "secret") if value in message], "and holds no value of anybody"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_to_any_operation_is_a_fault_that_says_what_came(
    kind: str, proxy: Proxy, client: SimsClient, nobody: Trap
) -> None:
    hostile = HOSTILE[kind]
    for operation in ALL:
        proxy.meddle = spoil(operation.name, hostile.make, nobody.url)
        fault = fault_of(client, operation)
        assert type(fault) is hostile.fault
        assert re.search(hostile.came, str(fault)), str(fault)


@pytest.mark.parametrize("kind", HARMLESS)
def test_an_answer_that_only_looks_otherwise_is_read_as_the_real_one(
    kind: str, proxy: Proxy, client: SimsClient, nobody: Trap
) -> None:
    expected = extracted(client)
    proxy.meddle = spoil(None, HARMLESS[kind], nobody.url)
    found = extracted(client)
    school = read_school(found.documents[SCHOOL.name])
    assert (school.name, school.la, school.estab) == ("Green Abbey School", "823", "4321")
    for table, rows in expected.tables.items():
        assert len(rows) >= 2
        assert_frame_equal(found.tables[table], rows)


@each_operation
def test_an_answer_cut_at_every_tenth_byte_is_transient(operation: Operation, proxy: Proxy, client: SimsClient) -> None:
    for cut, answer in cuts(proxy, client, operation):
        proxy.meddle = lambda _, __, answer=answer, cut=cut: replace(answer, cut=cut)
        assert type(fault_of(client, operation)) is TransientFault


@each_operation
def test_an_answer_that_says_it_is_whole_and_is_not_is_refused_wherever_it_ends(
    operation: Operation, proxy: Proxy, client: SimsClient
) -> None:
    for cut, answer in cuts(proxy, client, operation):
        proxy.meddle = lambda _, __, answer=answer, cut=cut: replace(answer, body=answer.body[:cut])
        assert type(fault_of(client, operation)) is UnexpectedAnswer


@each_operation
def test_a_truncated_document_in_a_whole_envelope_is_refused_wherever_it_ends(
    operation: Operation, proxy: Proxy, client: SimsClient, nobody: Trap
) -> None:
    rows = read(client, operation)
    whole = client.fetch(operation, TODAY).decode()
    for cut in range(0, len(whole), 10):
        proxy.meddle = spoil(None, lambda call, cut=cut: call.with_document(whole[:cut]), nobody.url)
        assert type(fault_of(client, operation)) is UnexpectedAnswer
    proxy.meddle = spoil(None, lambda call: call.with_document(whole), nobody.url)
    assert_frame_equal(read(client, operation), rows)


def cuts(proxy: Proxy, client: SimsClient, operation: Operation) -> list[tuple[int, Reply]]:
    """Every tenth byte of the whole answer, which is fetched once."""
    proxy.meddle = pass_on
    proxy.seen.clear()
    read(client, operation)
    answer = proxy.forward(proxy.seen[-1])
    assert len(answer.body) > 400
    return [(cut, answer) for cut in range(0, len(answer.body), 10)]


# -- time --------------------------------------------------------------------------------------------------------------

SLOW: dict[str, Make] = {
    "in its head": lambda call: replace(call.answer, pause=0.01, slow_head=True),
    "in its body": lambda call: replace(call.answer, pause=0.02),
    "for ever, in pieces": lambda call: replace(call.answer, stream=iter(lambda: b" ", b""), pause=0.02),
    "after a good beginning": lambda call: replace(
        call.answer, stream=(call.answer.body[:100] if not n else b" " for n in range(1000)), pause=0.02
    ),
}


@pytest.mark.parametrize("how", SLOW)
def test_an_answer_that_trickles_is_transient_by_the_deadline_and_the_next_call_is_made(
    how: str, proxy: Proxy, client: SimsClient, nobody: Trap
) -> None:
    expected = read(client, OPERATIONS[0])
    left = [SLOW[how]]
    proxy.meddle = spoil(None, lambda call: left.pop()(call) if left else call.answer, nobody.url)
    slow = SimsClient(proxy.url, "sync", "secret", call_seconds=1)
    began = time.monotonic()
    fault = fault_of(slow, OPERATIONS[0])
    assert 1 <= time.monotonic() - began < 4
    assert type(fault) is TransientFault
    assert "no whole answer within 1 s" in str(fault)
    assert_frame_equal(read(client, OPERATIONS[0]), expected)


# -- memory ------------------------------------------------------------------------------------------------------------

PEAK = """
import re, sys
from datetime import date
from pathlib import Path
from sims_sync.model.errors import UnexpectedAnswer
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.operations import OPERATIONS

def peak():  # unlike that of getrusage, it does not begin with the memory of the process that started this one
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

client = SimsClient(sys.argv[1], "sync", "secret")
client.fetch(OPERATIONS[0], date(2026, 9, 15))
before = peak()
for _ in range(int(sys.argv[2])):
    try:
        client.fetch(OPERATIONS[0], date(2026, 9, 15))
        raise SystemExit("it is no hostile answer")
    except UnexpectedAnswer as refused:
        fault = refused
print(peak() - before, fault)
"""
"""Prints by how many MB hostile answers, after a good one, raised the most memory that the process ever had, and what
was said of the last of them."""


def cost(proxy: Proxy, came: str, *make: Make) -> int:
    """What answers that are refused cost a process of its own that asks for them, in MB.

    :param came: what the last fault says (a regular expression).
    """
    left: list[Make] = [lambda call: call.answer, *make]
    proxy.meddle = spoil(None, lambda call: left.pop(0)(call), "")
    asking = [sys.executable, "-c", PEAK, proxy.url, str(len(make))]
    done = subprocess.run(asking, capture_output=True, text=True, check=True)
    megabytes, _, fault = done.stdout.partition(" ")
    assert re.search(came, fault), fault
    return int(megabytes)


@pytest.mark.parametrize(
    ("says_its_size", "received", "memory"), [(True, range(16), range(8)), (False, range(200, 232), range(240))]
)
def test_an_answer_of_300_mb_costs_no_more_than_the_limit_and_nothing_when_it_says_its_size(
    says_its_size: bool, received: range, memory: range, proxy: Proxy
) -> None:
    sent = 0

    def counted(call: Call) -> Reply:
        answer = HOSTILE["300 MB"].make(call)

        def pieces() -> Iterator[bytes]:
            nonlocal sent
            for piece in answer.stream or ():
                sent += len(piece)
                yield piece

        return replace(answer, stream=pieces(), length=300 * 2**20 if says_its_size else None)

    assert cost(proxy, "more than the 200 MB allowed", counted) in memory
    assert sent // 2**20 in received


@pytest.mark.parametrize("packing", ["gzip", "gzip, gzip", "deflate"])
def test_an_answer_that_unpacks_to_300_mb_of_nothing_costs_next_to_nothing(packing: str, proxy: Proxy) -> None:
    pack = zlib.compress if packing == "deflate" else gzip.compress
    packed = pack(b" " * 300 * 2**20)
    if packing == "gzip, gzip":
        packed = gzip.compress(packed)
    assert len(packed) < 2**19
    came = "more than 1 MB beside its document"
    assert cost(proxy, came, lambda call: call.with_body(packed, Content_Encoding=packing)) in range(8)


ENVELOPE = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
ANSWER = b'<s:Body><GetXmlStudentsResponse xmlns="urn:sims:thirdparty:v1"><GetXmlStudentsResult>'
OF_NO_USE: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "tiny elements in the header": (ENVELOPE + b"<s:Header>", lambda n: b"<a/>" * 16384),
    "tiny elements of many names": (
        ENVELOPE + b"<s:Header>",
        lambda n: b"".join(b"<a%x/>" % i for i in range(n, n + 8192)),
    ),
    "tiny elements in the result": (ENVELOPE + ANSWER, lambda n: b"<a/>" * 16384),
    "tiny elements in a fault": (ENVELOPE + b"<s:Body><s:Fault><detail>", lambda n: b"<a/>" * 16384),
    "elements that never end": (ENVELOPE + b"<s:Header>", lambda n: b"<a>" * 16384),
    "attributes": (ENVELOPE + b"<s:Header><a", lambda n: b"".join(b' a%x=""' % i for i in range(n, n + 8192))),
    "attributes in the result": (
        ENVELOPE + ANSWER + b"<a",
        lambda n: b"".join(b' a%x=""' % i for i in range(n, n + 8192)),
    ),
    "namespaces": (ENVELOPE + b"<s:Header><a", lambda n: b"".join(b' xmlns:a%x="b"' % i for i in range(n, n + 8192))),
    "instructions": (b"", lambda n: b"".join(b"<?a%x?>" % i for i in range(n, n + 8192))),
    "instructions in the result": (
        ENVELOPE + ANSWER + b"x",
        lambda n: b"".join(b"<?a%x?>" % i for i in range(n, n + 8192)),
    ),
    "a comment": (ENVELOPE + b"<!--", lambda n: b"a" * 65536),
    "comments in the result": (ENVELOPE + ANSWER + b"x", lambda n: b"<!---->" * 8192),
    "a name": (ENVELOPE + b"<", lambda n: b"a" * 65536),
    "a fault code": (ENVELOPE + b"<s:Body><s:Fault><faultcode>", lambda n: b"a" * 65536),
    "a DTD": (b"<!DOCTYPE s [", lambda n: b"".join(b'<!ENTITY a%x "b">' % i for i in range(n, n + 8192))),
}
"""How an envelope of 40 MB begins, and a piece of what goes on and on, from the number of pieces before."""


def test_envelopes_of_40_mb_that_hold_no_document_cost_next_to_nothing(proxy: Proxy) -> None:
    def made(beginning: bytes, piece: Callable[[int], bytes]) -> Make:
        pieces = (piece(number) for number in range(0, 40 * 2**20, 2**16))
        return lambda call: replace(call.answer, stream=chain([beginning], pieces))

    makes = [made(*each) for each in OF_NO_USE.values()]
    assert cost(proxy, "a DTD", *makes) < 40, "for all of them"
