"""Small schools in one container: for each its SIMS, and its directory behind a proxy that can make writing slow."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from proxy import Forward, Reply, Request, proxy_to
from sandbox.directory import server as directory_server
from sandbox.sims import server as sims_server
from sandbox.sims.database import Database

PERSON = {"forename": "Zebedee", "surname": "Quillfeather"}
TOKEN, PASSWORD = "token", "secret"


@dataclass(frozen=True)
class SmallSchool:
    """A school of a test.

    :param number: its ports: SIMS at 9000 and the directory at 9100 more.
    :param on_roll: Person IDs in SIMS.
    :param accounts: those of the accounts that are there at first.
    :param write_seconds: what each write takes longer.
    :param in_postgres: whether the directory lies in the PostgreSQL server that Airflow uses.
    """

    id: str
    number: int
    on_roll: Sequence[int]
    accounts: Sequence[int] = ()
    write_seconds: float = 0
    in_postgres: bool = False

    @property
    def sims_port(self) -> int:
        return 9000 + self.number

    @property
    def directory_port(self) -> int:
        return 9100 + self.number


SHARED = [SmallSchool(f"shared-{number:02}", number, range(101, 141)) for number in range(1, 11)]
MANY = range(101, 201)
WORKER_KILLED = SmallSchool("worker-killed", 11, MANY, write_seconds=0.1)
SCHEDULER_KILLED = SmallSchool("scheduler-killed", 12, MANY, write_seconds=0.1)
DATABASE_DOWN = SmallSchool("database-down", 13, MANY, write_seconds=0.1, in_postgres=True)
REDIS_DOWN = SmallSchool("redis-down", 16, MANY, write_seconds=0.1)
HELD = SmallSchool("held", 14, [*range(101, 113), 121], accounts=range(101, 121))
REFUSED = SmallSchool("refused", 15, range(101, 103))
SCHOOLS = [*SHARED, WORKER_KILLED, SCHEDULER_KILLED, DATABASE_DOWN, REDIS_DOWN, HELD, REFUSED]


def main() -> None:
    """Serve until SIGTERM."""
    with ExitStack() as opened:
        for school in SCHOOLS:
            _serve(school, Path(tempfile.mkdtemp()), opened)
        signal.sigwait([signal.SIGTERM])


def _serve(school: SmallSchool, folder: Path, opened: ExitStack) -> None:
    sims = Database(folder / "sims.sqlite")
    sims.put_school()
    for person_id in school.on_roll:
        sims.put_student(person_id, **PERSON)
    opened.enter_context(
        sims_server.running(sims, username="sync", password=PASSWORD, host="0.0.0.0", port=school.sims_port)  # noqa: S104
    )
    database = _database(school.id.replace("-", "_")) if school.in_postgres else str(folder / "directory.sqlite")
    directory = opened.enter_context(directory_server.running(database, token=TOKEN, bulk=False))
    for person_id in school.accounts:
        directory.put_user(_account(person_id))
    proxy = opened.enter_context(proxy_to(directory.url, "0.0.0.0", school.directory_port))  # noqa: S104

    def slowly(request: Request, forward: Forward) -> Reply:
        if request.method != "GET":
            time.sleep(school.write_seconds)
        return forward(request)

    proxy.meddle = slowly


def _database(name: str) -> str:
    password = Path("/run/secrets/postgres_password").read_text("ascii")
    server = f"postgresql+psycopg2://airflow:{password}@postgres"
    with create_engine(f"{server}/airflow", isolation_level="AUTOCOMMIT").connect() as connection:
        if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
            connection.execute(text(f"CREATE DATABASE {name}"))
    return f"{server}/{name}"


def _account(person_id: int) -> dict[str, object]:
    return {
        "userName": f"{person_id:06d}",
        "externalId": f"{person_id}",
        "name": {"givenName": PERSON["forename"], "familyName": PERSON["surname"]},
        "emails": [{"type": "home", "value": f"person-{person_id}@example.org"}],
        "roles": [{"value": "student"}],
        "active": True,
    }


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    main()
