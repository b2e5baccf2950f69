"""SCIM servers that nobody here wrote, each with what it can do, in an environment of its own (``make test-servers``).

A folder beside this file holds the pins of each and its program: ``server.mjs`` for Node, ``server.py`` for Python. A
program serves on a free port of loopback, keeps everything in memory, and prints where, and the token, as JSON in one
line.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from sims_sync.model.attributes import ATTRIBUTES, EXTENSION

HERE = Path(__file__).parent
ENVIRONMENTS = Path(sys.prefix) / "servers"

BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}
ALL = frozenset(BY_NAME)
CORE = frozenset(attribute.name for attribute in ATTRIBUTES if not attribute.extension)


@dataclass(frozen=True)
class Server:
    """A server, as it is tried.

    :param name: what the tests call it.
    :param folder: of its program and its pins.
    :param arguments: of its program.
    :param directory: what the school says of it in ``schools.yaml``, under the key ``directory``.
    :param keeps: the names of the attributes that its accounts keep as they are written.
    :param staff: what the accounts of staff have there beside names and email.
    :param fails: why the nights do not go well there yet; empty where they do.
    """

    name: str
    folder: str
    arguments: tuple[str, ...] = ()
    directory: Mapping[str, Any] = field(default_factory=dict)
    keeps: frozenset[str] = CORE
    staff: Mapping[str, Any] = field(default_factory=lambda: {"roles": [{"value": "staff"}]})
    fails: str = ""

    @property
    def key(self) -> str:
        """The path of the key of a person."""
        return str(self.directory.get("key", "externalId"))

    def path(self, name: str) -> str:
        """Where the value of an attribute stands in its accounts."""
        attribute = BY_NAME[name]
        standard = f"{self.directory.get('extension', EXTENSION)}:{name}" if attribute.extension else name
        return str(self.directory.get("attributes", {}).get(attribute.column, standard))


@dataclass(frozen=True)
class Running:
    """:param url: the SCIM base URL."""

    url: str
    token: str


STUDENT_SCHEMA = str(files("sims_sync.directory").joinpath("student-extension.schema.json"))
SCIMMYS_STUDENT = "urn:ietf:params:scim:schemas:extension:student:1.0:User"

SERVERS: Sequence[Server] = (
    Server("SCIMMY", "scimmy"),
    Server(
        "SCIMMY with the student extension",
        "scimmy",
        (STUDENT_SCHEMA, SCIMMYS_STUDENT),
        directory={"extension": SCIMMYS_STUDENT},
        keeps=ALL,
        fails="The URN of the extension cannot be configured.",
    ),
)


@contextmanager
def running(server: Server, folder: Path) -> Iterator[Running]:
    """Runs a server while the block runs.

    :param folder: an empty one; its log goes there.
    """
    log = folder / "server.log"
    with log.open("w") as errors:
        command = [*_program(server, folder), *server.arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    with process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, f"{server.name} did not start:\n{log.read_text()}"
            yield Running(**json.loads(line))
        finally:
            process.terminate()


def _program(server: Server, folder: Path) -> list[str]:
    """The command that runs it; a program for Node is copied, for Node looks for packages beside it."""
    program, environment = HERE / server.folder, ENVIRONMENTS / server.folder
    assert environment.exists(), f"{server.name} is not installed: make test-servers"
    if (program / "server.py").exists():
        return [str(environment / "bin" / "python"), str(program / "server.py")]
    shutil.copy(program / "server.mjs", folder)
    (folder / "node_modules").symlink_to(environment / "node_modules")
    return ["node", str(folder / "server.mjs")]
