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

from sims_sync.directory.editing import USER_SCHEMA as CORE_USER
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION

HERE = Path(__file__).parent
ENVIRONMENTS = Path(sys.prefix) / "servers"

SIX_NIGHTS, ROLES, NO_MARKER = "six nights", "several roles", "no marker"
"""What is promised of them: the tests are asked for by these names in ``Server.fails``."""

BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES if not attribute.only_if_mapped}
ALL = frozenset(BY_NAME)
CORE = frozenset(attribute.name for attribute in BY_NAME.values() if not attribute.extension)


@dataclass(frozen=True)
class Server:
    """A server, as it is tried.

    :param name: what the tests call it.
    :param folder: of its program and its pins.
    :param arguments: of its program.
    :param directory: what the school says of it in ``schools.yaml``, under the key ``directory``.
    :param marks: whether its accounts can hold what tells students from staff.
    :param keeps: the names of the attributes that its accounts keep as they are written.
    :param rewrites: whether it keeps others in another form, which the sync sees in the night after it wrote them.
    :param staff: what the accounts of staff have there beside names and email.
    :param fails: why a promise does not hold there yet.
    """

    name: str
    folder: str
    arguments: tuple[str, ...] = ()
    directory: Mapping[str, Any] = field(default_factory=dict)
    marks: bool = True
    keeps: frozenset[str] = CORE
    rewrites: bool = False
    staff: Mapping[str, Any] = field(default_factory=lambda: {"roles": [{"value": "staff"}]})
    fails: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The path of the key of a person."""
        return str(self.directory.get("key", "externalId"))

    @property
    def roles(self) -> bool:
        """Whether students are told by a role, beside which an account can have others."""
        return self.marks and "students" not in self.directory

    def path(self, name: str) -> str:
        """Where the value of an attribute stands in its accounts."""
        urn = self.directory.get("extension", EXTENSION)
        return f"{urn}:{name}" if BY_NAME[name].extension else name


@dataclass(frozen=True)
class Running:
    """:param url: the SCIM base URL."""

    url: str
    token: str


STUDENT_SCHEMA = str(files("sims_sync.directory").joinpath("student-extension.schema.json"))
SCIMMYS_STUDENT = "urn:ietf:params:scim:schemas:extension:student:1.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
NAMES = frozenset({"userName", "name.givenName", "name.familyName"})

SERVERS: Sequence[Server] = (
    Server("SCIMMY", "scimmy"),
    Server(
        "SCIMMY with the student extension",
        "scimmy",
        (STUDENT_SCHEMA, SCIMMYS_STUDENT),
        directory={"extension": SCIMMYS_STUDENT},
        keeps=ALL,
    ),
    Server(
        "better-auth",
        "better-auth",
    ),
    # Its PATCH answers 200, but removes nothing by a path with a filter, and replaces a list instead of adding to it.
    Server(
        "Polis",
        "polis",
        directory={"without": ["patch"]},
    ),
    Server(
        "django-scim2",
        "django-scim2",
        marks=False,
    ),
    Server(
        "django-scim2 with types of users",
        "django-scim2",
        ("school.adapters.UserWithType",),
        directory={"students": "userType:student"},
        keeps=NAMES,
        rewrites=True,
        staff={"userType": "staff"},
    ),
    Server(
        "canaille",
        "canaille",
        directory={
            "key": f"{ENTERPRISE}:employeeNumber",
            "students": f"{ENTERPRISE}:department=student",
            "on_create": {"name.formatted": "{given_name} {family_name}"},
        },
        keeps=NAMES,
        staff={"schemas": [CORE_USER, ENTERPRISE], ENTERPRISE: {"department": "staff"}},
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
