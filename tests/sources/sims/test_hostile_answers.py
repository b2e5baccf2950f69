"""Only the whole and right answer of SIMS becomes tables (SPEC section 2): a real broker behind a hostile network."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

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
    whole = client.fetch(operation, TODAY).decode("iso-8859-1")
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
try:
    client.fetch(OPERATIONS[0], date(2026, 9, 15))
except UnexpectedAnswer as fault:
    assert "more than the 200 MB allowed" in str(fault)
    print(peak() - before)
"""
"""Prints by how many MB a hostile answer, after a good one, raised the most memory that the process ever had."""


def cost(proxy: Proxy, make: Make) -> int:
    """What an answer over the limit costs a process of its own that asks for it, in MB."""
    left: list[Make] = [lambda call: call.answer, make]
    proxy.meddle = spoil(None, lambda call: left.pop(0)(call), "")
    done = subprocess.run([sys.executable, "-c", PEAK, proxy.url], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize(
    ("says_its_size", "received", "memory"), [(True, range(16), range(8)), (False, range(200, 232), range(150, 232))]
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

    assert cost(proxy, counted) in memory
    assert sent // 2**20 in received


@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_unpacks_to_300_mb_costs_no_more_than_the_limit(times: int, proxy: Proxy) -> None:
    packed = gzip.compress(b" " * 2**20) * 300
    if times == 2:
        packed = gzip.compress(packed)
    assert len(packed) < 2**19
    encoding = ", ".join(["gzip"] * times)
    assert cost(proxy, lambda call: call.with_body(packed, Content_Encoding=encoding)) in range(150, 232)
