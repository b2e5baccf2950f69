"""``python -m sandbox.directory``: fill a directory with invented people, and serve it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields

from sandbox.directory.capabilities import Capabilities
from sandbox.directory.seeding import AlreadyFilled, fill
from sandbox.directory.server import PortInUse, serve

_SWITCHES = {
    "patch": "PATCH: answers 501, accounts are changed with PUT",
    "bulk": "bulk requests: answers 501",
    "etag": "ETags: no versions, If-Match with one fails",
    "filter": "filters: answers 501",
    "sort": "sorting: answers 501",
    "extension": "the student extension: its schema is unknown",
    "sync_report": "SyncReports: answers 404",
}
_LIMITS = {
    "page_size": "the most resources in one answer",
    "max_operations": "the most operations of one bulk request",
    "max_payload_size": "the most bytes of one bulk request",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    :param arguments: default: those of the command line.
    :returns: the exit status: 0, or 1 after a fault that a person can put right.
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    command = options.pop("command")
    try:
        command(**options)
    except (AlreadyFilled, PortInUse) as fault:
        print(f"{parser.prog}: {fault}", file=sys.stderr)
        return 1
    return 0


def _fill(database: str, seed: int, staff: int, contacts: int, odd_students: bool, if_empty: bool) -> None:
    try:
        made = fill(database, seed=seed, staff=staff, contacts=contacts, odd_students=odd_students)
    except AlreadyFilled:
        if not if_empty:
            raise
        print("The directory holds accounts already")
    else:
        print(f"Made {made} accounts")


def _serve(database: str, host: str, port: int, token: str, **capabilities: bool | int) -> None:
    offered = Capabilities(**capabilities)  # type: ignore[arg-type] # argparse made each of its field's type
    serve(
        database,
        token=token,
        host=host,
        port=port,
        capabilities=offered,
        ready=lambda url: print(f"Serving the directory at {url}", flush=True),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.directory", description="A SCIM 2.0 directory to try on.")
    commands = parser.add_subparsers(required=True, metavar="fill|serve")

    filling = commands.add_parser("fill", help="fill an empty directory with staff, contacts and an administrator")
    filling.set_defaults(command=_fill)
    _add_database(filling)
    filling.add_argument("--seed", type=int, default=1, help="the same seed gives the same people (default: 1)")
    filling.add_argument("--staff", type=int, default=12, help="accounts with the role staff (default: 12)")
    filling.add_argument("--contacts", type=int, default=20, help="accounts with the role contact (default: 20)")
    filling.add_argument("--if-empty", action="store_true", help="leave a directory that holds accounts as it is")
    filling.add_argument("--odd-students", action="store_true", help="add student accounts of nobody on roll")

    serving = commands.add_parser("serve", help="serve a directory until Ctrl-C")
    serving.set_defaults(command=_serve)
    _add_database(serving)
    serving.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serving.add_argument("--port", type=int, default=8081, help="port to listen on, 0 for any free one (default: 8081)")
    serving.add_argument("--token", required=True, help="the bearer token that requests must carry")
    defaults = {each.name: each.default for each in fields(Capabilities)}
    for name, meaning in _SWITCHES.items():
        option = f"--no-{name.replace('_', '-')}"
        serving.add_argument(option, dest=name, action="store_false", help=f"do without {meaning}")
    for name, meaning in _LIMITS.items():
        option, default = f"--{name.replace('_', '-')}", defaults[name]
        serving.add_argument(option, type=int, metavar="N", default=default, help=f"{meaning} (default: {default})")
    return parser


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database", required=True, metavar="FILE_OR_URL", help="an SQLite file, or a database URL of SQLAlchemy"
    )


if __name__ == "__main__":
    sys.exit(main())
