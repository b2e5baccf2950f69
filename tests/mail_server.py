"""A real mail server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

from sandbox.processes import free_port

OVER_LOOPBACK = {"from_email": "sync@example.org", "disable_ssl": True, "disable_tls": True}
"""The extra of a connection of type smtp to a server without TLS."""


class Mailbox:
    """What the mail server got, in its order: the recipients, and the mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        mail: Any = message_from_bytes(envelope.content, policy=default)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 OK"

    @property
    def connection(self) -> dict[str, Any]:
        """The connection of type smtp that leads here."""
        return {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": OVER_LOOPBACK}

    @property
    def subjects(self) -> list[str]:
        return [mail["Subject"] for _, mail in self.mails]

    def about(self, words: str) -> list[EmailMessage]:
        """The mails with these words in their subject."""
        return [mail for _, mail in self.mails if words in mail["Subject"]]


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A mail server that keeps what it gets."""
    mailbox = Mailbox()
    mailbox.port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
