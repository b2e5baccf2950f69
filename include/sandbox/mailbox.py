"""``python -m sandbox.mailbox``: a mail server that keeps each mail as files, with a page that lists them."""

from __future__ import annotations

import argparse
import html
import signal
import sys
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

INDEX = "index.html"
"""The page that lists the mails."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="10"><meta name="color-scheme" content="light dark"><title>Mails</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
td, th {{ text-align: left; padding: .3rem 1rem .3rem 0; vertical-align: top }}</style></head>
<body><h1>Mails</h1>{mails}</body></html>
"""


class Mailbox:
    """Keeps what a mail server gets: ``<number>.eml`` as it came, ``<number>.html`` to look at, and the page of all.

    :param folder: where to; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mails: list[EmailMessage] = []
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._list()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        """Keep a mail."""
        mail = message_from_bytes(envelope.content, policy=default)
        self._mails.append(mail)
        name = f"{len(self._mails):03d}"
        body = mail.get_body(("html", "plain"))
        (self.folder / f"{name}.eml").write_bytes(envelope.content)
        (self.folder / f"{name}.html").write_text(body.get_content() if body else "", "utf-8")
        self._list()
        return "250 OK"

    def _list(self) -> None:
        rows = [
            f"<tr><td>{_escaped(mail['Date'])}</td><td>{_escaped(mail['To'])}</td>"
            f'<td><a href="{number:03d}.html">{_escaped(mail["Subject"])}</a></td></tr>'
            for number, mail in enumerate(self._mails, 1)
        ]
        heading = "<tr><th>Sent</th><th>To</th><th>Subject</th></tr>"
        table = f"<table>{heading}{''.join(reversed(rows))}</table>" if rows else "<p>None yet.</p>"
        (self.folder / INDEX).write_text(_PAGE.format(mails=table), "utf-8")


def _escaped(value: object) -> str:
    return html.escape("" if value is None else str(value))


def main(arguments: list[str] | None = None) -> int:
    """Keep mails until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.mailbox", description="A mail server that sends nothing on."
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the mails are kept, as files")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8025, help="port to listen on (default: 8025)")
    options = parser.parse_args(arguments)
    controller = Controller(Mailbox(options.folder), hostname=options.host, port=options.port)
    controller.start()
    print(f"Keeping mails in {options.folder}", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    controller.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
