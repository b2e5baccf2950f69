"""Turns what a page shows into HTML. Everything is escaped; no page asks another host for anything."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from sims_sync.config.school_entry import School
from sims_sync.model.attributes import label_of
from sims_sync.model.marked import as_html
from sims_sync.ui import PREFIX, words

MISSING = "\N{EN DASH}"


def page(request: Request, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page.

    :param template: its name, without the suffix.
    :param shown: what the template needs beside the common things.
    """
    root = request.scope.get("root_path", "")
    common = {"root": root, "airflow": root.removesuffix(PREFIX), "words": words, "missing": MISSING}
    return HTMLResponse(_environment().get_template(f"{template}.html").render(**common, **shown), status)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sims_sync.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        moment=_moment,
        clock=_clock,
        day=_day,
        number=_number,
        span=_span,
        plural=_plural,
        marked=as_html,
        label=label_of,
    )
    return environment


def _moment(value: datetime | None, school: School, *, short: bool = False) -> str:
    """A point in time as the school's clocks show it, with their zone.

    :param short: without the year.
    """
    if value is None:
        return MISSING
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return format(aware.astimezone(ZoneInfo(school.timezone)), "%d %b %H:%M %Z" if short else "%d %b %Y %H:%M %Z")


def _clock(value: datetime, zone: str) -> str:
    """A point in time with its zone; without the date where it is today's."""
    at = value.astimezone(ZoneInfo(zone))
    return format(at, "%H:%M %Z" if at.date() == datetime.now(ZoneInfo(zone)).date() else "%d %b %Y %H:%M %Z")


def _day(value: str | date | None) -> str:
    if value is None:
        return MISSING
    return f"{date.fromisoformat(value) if isinstance(value, str) else value:%d %b %Y}"


def _number(value: int) -> str:
    return f"{value:,}"


def _span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
