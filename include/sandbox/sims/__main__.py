"""``python -m sandbox.sims``: fill a database with an invented school, and serve it as SIMS would."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from sandbox.sims.documents import PERMISSIONS

PORT = 8601


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _fill(options: argparse.Namespace) -> int:
    from sandbox.sims.generator import fill  # Faker takes a while to import: not for --help

    show = sys.stderr.isatty()
    filled = fill(
        options.database,
        students=options.students,
        seed=options.seed,
        today=options.today,
        name=options.school_name,
        la=options.la,
        estab=options.estab,
        missing_person_ids=options.missing_person_ids,
        progress=lambda done: print(f"\r{done} students", end="", file=sys.stderr) if show else None,
    )
    if show:
        print("\r\033[K", end="", file=sys.stderr)
    print(f"{options.database}: {options.school_name}, {filled.on_roll} students on roll on {options.today}")
    if options.cases:
        for name, person_ids in sorted(filled.cases.items()):
            print(f"  {name:32} {len(person_ids):6}  e.g. person {person_ids[0]}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from sandbox.sims.database import Database
    from sandbox.sims.server import Broker, endpoint, http_server, listen

    if not options.database.is_file():
        raise ValueError(f"There is no {options.database}; make it with: python -m sandbox.sims fill --database FILE")
    try:
        listener = listen(options.host, options.port)
    except OSError as error:
        raise ValueError(
            f"Cannot listen on {options.host} port {options.port} ({error.strerror}); choose another with --port."
        ) from None
    database = Database(options.database)
    school = next(database.iterate("schools"), None)
    if school is None:
        raise ValueError(f"{options.database} holds no school; make it with: python -m sandbox.sims fill")
    broker = Broker(
        database,
        username=options.username,
        password=options.password,
        denied=options.deny,
        today=options.today,
    )
    ready = f"SIMS broker of {school['name']} ready at {endpoint(listener)} (user {options.username}; Ctrl-C stops it)"
    try:
        http_server(broker, ready=lambda: print(ready, flush=True)).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        database.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.sims",
        description="A sandbox SIMS: an invented school, and the SOAP broker that answers for it.",
        epilog="Example: python -m sandbox.sims fill --database school.sqlite --students 200 && "
        "python -m sandbox.sims serve --database school.sqlite",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    defaults = argparse.ArgumentDefaultsHelpFormatter

    fill = commands.add_parser("fill", help="fill a database with an invented school", formatter_class=defaults)
    fill.set_defaults(run=_fill)
    fill.add_argument("--database", type=Path, required=True, help="SQLite file; what it held before is gone")
    fill.add_argument("--students", type=int, default=100, help="how many are on roll today, 10 to 100000")
    fill.add_argument("--seed", default="1", help="another seed is another school; the same seed the same one")
    fill.add_argument("--today", type=date.fromisoformat, default=date.today(), help="the newest day, as 2026-09-15")
    fill.add_argument("--school-name", default="Green Abbey School", help="name of the school")
    fill.add_argument("--la", default="823", help="number of the local authority")
    fill.add_argument("--estab", default="4321", help="number of the establishment")
    fill.add_argument("--missing-person-ids", type=int, default=0, help="students without a PersonID")
    fill.add_argument("--cases", action="store_true", help="list the cases that the data holds")

    serve = commands.add_parser("serve", help="answer for a school as SIMS would", formatter_class=defaults)
    serve.set_defaults(run=_serve)
    serve.add_argument("--database", type=Path, required=True, help="SQLite file that was filled")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=PORT, help="port to listen on; 0 takes a free one")
    serve.add_argument("--username", default="sims", help="user name of the SIMS account")
    serve.add_argument("--password", default="sims", help="password of the SIMS account")
    serve.add_argument("--today", type=date.fromisoformat, help="the broker's own day; default the real one")
    serve.add_argument(
        "--deny", action="append", default=[], choices=PERMISSIONS, metavar="PERMISSION", help="take a permission away"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
