"""A whole local stack: the sandbox's SIMS broker and directory, and Airflow with its real scheduler, in one folder.

The demo and the tests that need the real scheduler start it from here; nothing else sets the environment of these
processes. Airflow runs on SQLite with the LocalExecutor. Schedules are off, so that a run is one that was triggered.

What tasks tell goes to an API server of its own. Airflow's public API writes its audit log in the server's event loop:
with SQLite it would wait there for a transaction of a task, which cannot end while the same loop stands still.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox.airflow_api import AirflowApi
from sandbox.processes import Processes, free_port, port_is_free

PROJECT = Path(__file__).parents[2]

Say = Callable[[str], None]
"""Called with one line for each step."""

_AIRFLOW = {
    "api-server": ["api-server", "--apps", "core"],
    "execution-api": ["api-server", "--apps", "execution"],
    "scheduler": ["scheduler", "--skip-serve-logs"],  # its ports may be in use
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
_DATABASE = "airflow-db"  # the name of the process that makes it
_HALTS = 500  # tries to halt Airflow while it does nothing
_MINE = ("AIRFLOW", "SIMS_SYNC_")  # of the caller's environment, what must not get in

_AIRFLOW_SETTINGS = {
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__PARALLELISM": "4",  # SQLite has one writer
    "CORE__DEFAULT_TASK_RETRY_DELAY": "5",
    "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
    "CORE__TEST_CONNECTION": "Enabled",
    "API__HOST": "127.0.0.1",
    "API__WORKERS": "1",
    "SCHEDULER__USE_JOB_SCHEDULE": "False",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
    "DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "USAGE_DATA_COLLECTION__ENABLED": "False",
}

_LOCAL_SETTINGS = """\
import sys

if sys.argv[1:2] == ["scheduler"]:
    import sims_sync.airflow.preload
"""


class PortInUse(Exception):
    """The port that was asked for is in use."""


class Stack:
    """The processes of a local stack; a context manager that stops them all.

    What takes time runs side by side: entering it begins to make Airflow's database, :meth:`start_sandbox` fills the
    servers meanwhile, :meth:`start_airflow` waits for both.

    :param folder: everything that the stack writes goes here: Airflow's home, the store (``store``), the sandbox's
        databases, the logs.
    :param schools_config: the ``schools.yaml`` of the stack.
    :param dags: the folder of DAGs; default: the project's, with its plugins.
    :param ui_port: the port of Airflow's UI; default: a free one, since several stacks may start at once.
    :param environment: further variables for all processes.
    :param policies: Airflow's cluster policies, in Python, for its ``airflow_local_settings.py``.
    :param say: is told each step.
    :ivar sims: where the SIMS broker is, and how to log in, once it is started; ``directory`` likewise.
    :raises PortInUse: ``ui_port`` was given and is in use.
    """

    def __init__(
        self,
        folder: Path,
        *,
        schools_config: Path,
        dags: Path | None = None,
        ui_port: int | None = None,
        environment: Mapping[str, str] | None = None,
        policies: str = "",
        say: Say = lambda _line: None,
    ) -> None:
        if ui_port is not None and not port_is_free(ui_port):
            raise PortInUse(f"Port {ui_port} is in use. Choose another one, or none: then a free one is taken.")
        port, self._execution_port = ui_port or free_port(), free_port()
        self.folder = folder.resolve()
        self.store, self.mails = self.folder / "store", self.folder / "mails"
        self.sims = self.directory = ""
        self.url = f"http://127.0.0.1:{port}"
        self.username, self.password = "admin", secrets.token_urlsafe(9)
        self.say = say
        self._policies = policies
        self._processes = Processes(self.folder)
        self.airflow = AirflowApi(self.url, self.username, self.password, alive=self._processes.check)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_MINE)},
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "SIMS_SYNC_CONFIG": str(schools_config.resolve()),
            "SIMS_SYNC_STORE": str(self.store),
            **self._airflow_environment(port, (dags or PROJECT / "dags").resolve()),
            **(environment or {}),
        }

    def __enter__(self) -> Stack:
        self._processes.__enter__()
        self._begin_airflow()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.say("Stopping every process")
        finally:
            self._processes.__exit__(kind, error, at)

    def start_sandbox(self, school_id: str, *, students: int, seed: int, today: date) -> None:
        """Fill the SIMS broker and the directory of a school, start both, and set the school's two connections.

        :param today: the day that the invented school year is seen from.
        """
        self.say(f"Inventing a school of {students} students and its directory (seed {seed})")
        sims, directory = self.folder / "sims.db", self.folder / "directory.db"
        fill = ["--students", str(students), "--seed", str(seed), "--today", today.isoformat()]
        self._run("sims-fill", "sandbox.sims", "fill", "--database", str(sims), *fill)
        self._run("directory-fill", "sandbox.directory", "fill", "--database", str(directory), "--seed", str(seed))

        password, token = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        sims_url = self._serve("sims", sims, "--username", "sync", "--password", password)
        directory_url = self._serve("directory", directory, "--token", token)
        self.sims = f"{sims_url}   user sync   password {password}"
        self.directory = f"{directory_url}   token {token}"
        name = school_id.replace("-", "_")
        self.connect(f"sims_{name}", host=sims_url, login="sync", password=password)
        self.connect(f"directory_{name}", host=directory_url, password=token)

    def start_mailbox(self) -> None:
        """Start a mail server that keeps what it gets in :attr:`mails`, and set the connection that leads to it."""
        port = free_port()
        command = [sys.executable, "-m", "sandbox.mailbox", "--folder", str(self.mails), "--port", str(port)]
        self._processes.start("mailbox", command, self.environment)
        self._processes.wait_until(
            lambda: "Keeping" in self._processes.log("mailbox").read_text(), "The mailbox is ready"
        )
        extra = {"from_email": "sync@example.org", "disable_ssl": True, "disable_tls": True}
        self.connect("smtp_default", conn_type="smtp", host="127.0.0.1", port=port, extra=extra)

    def connect(self, connection_id: str, **fields: Any) -> None:
        """Set an Airflow connection, by default of type http, for the processes that start from now on."""
        self.environment[f"AIRFLOW_CONN_{connection_id.upper()}"] = json.dumps({"conn_type": "http", **fields})

    def start_airflow(self, *dag_ids: str) -> None:
        """Start Airflow's processes, and wait until all are well and these DAGs are parsed."""
        self._processes.finish(_DATABASE)
        self.say(f"Starting Airflow: {', '.join(_AIRFLOW)}")
        ports = {"execution-api": {"AIRFLOW__API__PORT": str(self._execution_port)}}
        for name, arguments in _AIRFLOW.items():
            command = [sys.executable, "-m", "airflow", *arguments]
            self._processes.start(f"airflow-{name}", command, {**self.environment, **ports.get(name, {})})
        self._processes.wait_until(self.airflow.healthy, "Airflow is well")
        self._processes.wait_until(lambda: not port_is_free(self._execution_port), "Airflow listens to its tasks")
        for dag_id in dag_ids:
            self._processes.wait_until(lambda: self.airflow.has_dag(dag_id), f"The DAG {dag_id} is parsed")  # noqa: B023
        self.say(f"Airflow is ready at {self.url}")

    def run_airflow(self, command: str, *arguments: str) -> None:
        """Run a command of Airflow's own to its end.

        :raises ProcessEnded: it ended with an error.
        """
        name = f"airflow-{command}"
        self._processes.start(name, [sys.executable, "-m", "airflow", command, *arguments], self.environment, ends=True)
        self._processes.finish(name)

    @contextlib.contextmanager
    def database_to_ourselves(self) -> Iterator[None]:
        """Airflow stands still inside the block, with nothing of its database locked.

        :raises TimeoutError: something of it is locked whenever Airflow is halted.
        """
        for _ in range(_HALTS):
            with self._processes.halted():
                if _is_free(self.folder / "airflow" / "airflow.db"):
                    yield
                    return
            time.sleep(0.05)
        raise TimeoutError(f"Airflow's database was locked {_HALTS} times.")

    def watch(self) -> None:
        """Go on until interrupted.

        :raises ProcessEnded: a process has ended.
        """
        self._processes.wait_until(lambda: False, "The end of time", timeout=float("inf"))

    def _begin_airflow(self) -> None:
        """Make Airflow's home, and begin to make its database, which takes as long as filling the sandbox."""
        home = Path(self.environment["AIRFLOW_HOME"])
        home.mkdir(parents=True)
        (home / "config").mkdir()
        (home / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS + self._policies)
        passwords = Path(self.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
        passwords.touch(0o600)
        passwords.write_text(json.dumps({self.username: self.password}))
        self.say("Making Airflow's database")
        self._processes.start(
            _DATABASE, [sys.executable, "-m", "airflow", "db", "migrate"], self.environment, ends=True
        )

    def _run(self, name: str, module: str, *arguments: str) -> None:
        self._processes.start(name, [sys.executable, "-m", module, *arguments], self.environment, ends=True)
        self._processes.finish(name)

    def _serve(self, name: str, database: Path, *arguments: str) -> str:
        """Start a server of the sandbox, and give back the address that it prints when it is ready."""
        command = [sys.executable, "-m", f"sandbox.{name}", "serve", "--database", str(database)]
        command += ["--host", "127.0.0.1", "--port", str(free_port()), *arguments]
        self._processes.start(name, command, self.environment)

        def address() -> re.Match[str] | None:
            return re.search(r"http://\S+", self._processes.log(name).read_text())

        self._processes.wait_until(lambda: address() is not None, f"The sandbox's {name} is ready")
        return str(address()[0])  # type: ignore[index] # waited for

    def _airflow_environment(self, port: int, dags: Path) -> dict[str, str]:
        home = self.folder / "airflow"
        own = {
            "CORE__DAGS_FOLDER": str(dags),
            "CORE__PLUGINS_FOLDER": str(dags.parent / "plugins"),
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self._execution_port}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=60",  # several processes write
            "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            "API__BASE_URL": self.url,
            "API__PORT": str(port),
            "API__SECRET_KEY": secrets.token_hex(32),
            "API_AUTH__JWT_SECRET": secrets.token_hex(64),
        }
        settings = {f"AIRFLOW__{name}": value for name, value in {**_AIRFLOW_SETTINGS, **own}.items()}
        return {"AIRFLOW_HOME": str(home), **settings}


def _is_free(database: Path) -> bool:
    """Whether nobody holds a lock of an SQLite file, not even one for reading."""
    with contextlib.closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True
