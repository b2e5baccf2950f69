"""The school's year: when leavers and joiners are expected, and when nothing is to happen (SPEC section 7)."""

from __future__ import annotations

import re
from calendar import isleap
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from sims_sync.config.fields import Strict, Text
from sims_sync.config.year_groups import compared

JOINERS_PERCENT = 50.0
"""The limit `create` while joiners are expected; a school's own that is larger stays."""

_LEAP_DAY, _DAY_BEFORE = "02-29", "02-28"
_MONTH_AND_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")
_FULL_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day_of_the_year(value: Any) -> str:
    try:
        if isinstance(value, str) and _MONTH_AND_DAY.fullmatch(value.strip()):
            return f"{date.fromisoformat(f'2000-{value.strip()}'):%m-%d}"
    except ValueError:
        pass
    raise ValueError("is no day of every year, such as 07-15 for 15 July")


def _full_date(value: Any) -> date:
    """A date as YAML gives it: bare it is one already, in quotation marks it is text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _FULL_DATE.fullmatch(value.strip()):
            return date.fromisoformat(value.strip())
    except ValueError:
        pass
    raise ValueError("is no date, such as 2026-07-20")


def _year_group(value: str) -> str:
    if not compared(value):
        raise ValueError('names no year group, such as "11"')
    return value


DayOfTheYear = Annotated[str, BeforeValidator(_day_of_the_year)]
"""``MM-DD``: two of them compare as the days do."""
FullDate = Annotated[date, BeforeValidator(_full_date)]
YearGroup = Annotated[Text, AfterValidator(_year_group)]


class Window(Strict):
    """A time of every year in which leavers, or joiners, are expected; both days are in it.

    :param leavers_of: the year groups that leave then.
    :param joiners: whether new students come then.
    """

    name: Text
    first: DayOfTheYear = Field(alias="from")
    last: DayOfTheYear = Field(alias="to")
    leavers_of: list[YearGroup] = Field(default_factory=list)
    joiners: bool = False

    def covers(self, day: date) -> bool:
        """Whether a day is in the window. One that ends before it begins crosses New Year."""
        first, last, at = _in(day.year, self.first), _in(day.year, self.last), f"{day:%m-%d}"
        return first <= at <= last if first <= last else at >= first or at <= last

    def begins_on(self, day: date) -> bool:
        return f"{day:%m-%d}" == _in(day.year, self.first)

    def expects_leavers_of(self, year_group: str) -> bool:
        """Whether students of this year group, as SIMS writes it, are expected to leave."""
        return compared(year_group) in {compared(each) for each in self.leavers_of}

    @property
    def words(self) -> str:
        """What is expected, and when."""
        expected = [f"leavers of {', '.join(self.leavers_of)}"] if self.leavers_of else []
        expected += ["joiners"] if self.joiners else []
        return f"{_spoken(self.first)} to {_spoken(self.last)}: {' and '.join(expected) or 'nothing'} expected"


class Pause(Strict):
    """A time in which nobody is disabled, or nothing is done at all; both days are in it."""

    first: FullDate = Field(alias="from")
    last: FullDate = Field(alias="to")
    what: Literal["leavers", "all"]
    reason: Text

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"ends (`to` {self.last}) before it begins (`from` {self.first})")
        return self

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last

    def begins_on(self, day: date) -> bool:
        return day == self.first

    @property
    def name(self) -> str:
        """What is paused."""
        return {"leavers": "Pause of leavers", "all": "Pause"}[self.what]

    @property
    def words(self) -> str:
        """What does not happen, when, and why."""
        what = {"leavers": "nobody is disabled", "all": "no run reads or writes anything"}[self.what]
        return f"{_date(self.first)} to {_date(self.last)}: {what} ({self.reason})"

    @property
    def why(self) -> str:
        """Why what is paused does not happen."""
        what = {"leavers": "Leavers are", "all": "The school is"}[self.what]
        return f"{what} paused until {_date(self.last)} (`pause`): {self.reason}"


def _in(year: int, day: str) -> str:
    """A day of every year in this one."""
    return _DAY_BEFORE if day == _LEAP_DAY and not isleap(year) else day


def _spoken(day: str) -> str:
    return f"{date.fromisoformat(f'2000-{day}'):%-d %B}"


def _date(day: date) -> str:
    return f"{day:%-d %B %Y}"
