"""scim2-server's own command as a second target for tests: a real process, everything in memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

STUDENT_EXTENSION = "urn:sims-sync:scim:schemas:extension:student:1.0:User"
_ATTEMPTS = 5


@dataclass(frozen=True)
class StockDirectory:
    """:param url: the SCIM base URL.
    :param token: None when the server asks for none.
    """

    url: str
    token: str | None
    extension: bool


@contextmanager
def stock_server(
    folder: Path, *, extension: bool, token: str | None, attributes: Sequence[Mapping[str, Any]] = ()
) -> Iterator[StockDirectory]:
    """Runs ``scim2-server`` on a free port of loopback while the block runs.

    :param folder: where the schema files of the command, and its log, are written.
    :param extension: True: User has the student extension; False: the command's default schemas alone.
    :param token: the bearer token, or None for a server that lets everybody in.
    :param attributes: further ones of the student extension, as its schema has them.
    """
    options = ["--bearer-token", token] if token else []
    options += _extended(folder, attributes) if extension else []
    process, url = _started(options, folder / "scim2-server.log")
    with process:
        try:
            yield StockDirectory(url, token, extension)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _started(options: list[str], log: Path) -> tuple[subprocess.Popen[str], str]:
    # The command prints the port it was given, so 0 would not tell: a free one is sought, which another may snatch.
    for _ in range(_ATTEMPTS):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "scim2_server.testserver.cli", "--port", str(port), *options]
        with log.open("w") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        if line.startswith("Serving SCIM on "):
            return process, line.removeprefix("Serving SCIM on ").strip()
        with process:
            process.wait(timeout=10)
    raise AssertionError(f"scim2-server did not start:\n{log.read_text()}")


def _extended(folder: Path, attributes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The files that give the command its own schemas and resource types plus the student extension."""
    defaults = files("scim2_server.resources")
    schemas = json.loads(defaults.joinpath("default-schemas.json").read_text())
    schemas += json.loads(files("sims_sync.directory").joinpath("student-extension.schema.json").read_text())
    next(each for each in schemas if each["id"] == STUDENT_EXTENSION)["attributes"].extend(attributes)
    types = json.loads(defaults.joinpath("default-resource-types.json").read_text())
    user = next(each for each in types if each["id"] == "User")
    user["schemaExtensions"].append({"schema": STUDENT_EXTENSION, "required": False})
    (folder / "schemas.json").write_text(json.dumps(schemas))
    (folder / "resource-types.json").write_text(json.dumps(types))
    return ["--schema", str(folder / "schemas.json"), "--resource-type", str(folder / "resource-types.json")]
