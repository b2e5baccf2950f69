"""A mail, and its two renderings: text, and HTML that a phone shows well, in light and dark, without any request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from textwrap import fill
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from sims_sync.model.marked import as_html, as_text

Tone = Literal["bad", "warn", "good", "info"]

_WIDTH = 76
"""Characters in a line of the plain part."""

MARK = "[sims-sync]"
"""What every subject begins with, so that a rule of a mail program can tell these mails."""


@dataclass(frozen=True)
class Link:
    """A place in Airflow's UI.

    :param url: empty where nobody has told Airflow its address (``[api] base_url``).
    """

    words: str
    url: str

    def __str__(self) -> str:
        return f"{self.words} <{self.url}>" if self.url else self.words


@dataclass(frozen=True)
class Table:
    """A small table: the first column is text or a link, the others are numbers or text.

    :param rows: cells in the order of `heading`.
    """

    heading: tuple[str, ...]
    rows: Sequence[tuple[str | int | Link, ...]]

    @property
    def in_text(self) -> str:
        """For the plain part: a narrow table in columns below their headings, of a wide one an entry for each row."""
        rows = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.heading, *rows, strict=True)]
        if sum(widths) + 2 * len(widths) <= _WIDTH:
            lines = [self.heading, tuple("-" * width for width in widths), *rows]
            return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n\n".join("\n".join(_entry(self.heading, row)) for row in rows)


def _entry(heading: Sequence[str], row: Sequence[str]) -> list[str]:
    """A row of a table as lines, each with what its column is called."""
    told = [f"{name}: {cell}" if name else cell for name, cell in zip(heading, row, strict=True) if cell]
    return [fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) for line in told]


@dataclass(frozen=True)
class Mail:
    """What a mail says, all of it free of personal data.

    :param subject: short enough for a phone's list: the school, then what happened.
    :param happened: paragraphs.
    :param reasons: a list below them.
    :param to_do: what to do next.
    :param to_office: whether it is for those who correct records in SIMS (`office_emails`), where there are any.
    """

    subject: str
    tone: Tone
    happened: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    to_do: str = ""
    table: Table | None = None
    links: tuple[Link, ...] = ()
    to_office: bool = False

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
    made = Environment(
        loader=PackageLoader("sims_sync.mails"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(plain=as_text, with_code=as_html)
    return made
