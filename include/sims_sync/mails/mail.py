"""A mail, and its two renderings: text, and HTML that a phone shows well, in light and dark, without any request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

Tone = Literal["bad", "warn", "good", "info"]

MARK = "[sims-sync]"
"""What every subject begins with, so that a rule of a mail program can tell these mails."""


@dataclass(frozen=True)
class Link:
    """A place in Airflow's UI.

    :param url: empty where nobody has told Airflow its address (``[api] base_url``).
    """

    words: str
    url: str


@dataclass(frozen=True)
class Table:
    """A small table: the first column is text, the others are numbers or text.

    :param rows: cells in the order of `heading`.
    """

    heading: tuple[str, ...]
    rows: Sequence[tuple[str | int, ...]]


@dataclass(frozen=True)
class Mail:
    """What a mail says, all of it free of personal data.

    :param subject: short enough for a phone's list: the school, then what happened.
    :param happened: paragraphs.
    :param reasons: a list below them.
    :param to_do: what to do next.
    """

    subject: str
    tone: Tone
    happened: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    to_do: str = ""
    table: Table | None = None
    links: tuple[Link, ...] = ()

    @property
    def subject_line(self) -> str:
        """The subject as it is sent: in one line."""
        return f"{MARK} {' '.join(self.subject.split())}"

    @property
    def text(self) -> str:
        """The plain part."""
        return _templates().get_template("mail.txt").render(mail=self)

    @property
    def html(self) -> str:
        """The HTML part; all words escaped."""
        return _templates().get_template("mail.html").render(mail=self)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("sims_sync.mails"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
