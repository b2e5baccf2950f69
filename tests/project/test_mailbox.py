"""The demo's mailbox: a mail server that keeps mails as files."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from sandbox.mailbox import INDEX, Mailbox
from sandbox.processes import free_port


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    controller = Controller(Mailbox(tmp_path / "mails"), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


def test_each_mail_is_a_file_and_the_page_lists_the_newest_first(tmp_path: Path, port: int) -> None:
    assert "None yet" in (tmp_path / "mails" / INDEX).read_text()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for subject in ("The first <one>", "The second"):
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = "sync@example.org", "team@example.org", subject
            mail.set_content("In words")
            mail.add_alternative("<p>In HTML</p>", subtype="html")
            client.send_message(mail)
    page = (tmp_path / "mails" / INDEX).read_text()
    assert page.index('<a href="002.html">The second') < page.index('<a href="001.html">The first &lt;one&gt;')
    assert (tmp_path / "mails" / "001.html").read_text().strip() == "<p>In HTML</p>"
    assert b"In words" in (tmp_path / "mails" / "001.eml").read_bytes()
