"""One school of ``schools.yaml``."""

from __future__ import annotations

import hashlib
import zoneinfo
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.config.fields import MANUAL, Code, Days, EmailAddress, Schedule, Strict, Text
from sims_sync.config.limits import Limit, Limits
from sims_sync.config.school_year import JOINERS_PERCENT, Pause, Window
from sims_sync.config.sims_settings import SimsSettings
from sims_sync.config.values import Sent, Withheld

_FIRST_MINUTE, _LAST_MINUTE = 1 * 60, 4 * 60 - 1  # nightly runs start between 01:00 and 04:00


@cache
def _timezones() -> set[str]:
    """All names of the IANA database; to gather them takes longer than to check a school."""
    return zoneinfo.available_timezones()


class Kept(Strict):
    """How many days the files of a run, SIMS's own documents among them, and the entries of the register are kept."""

    retention_days: Days = 30
    raw_retention_days: Days = 7
    register_days: Days = 800


class NotTheSame(Strict):
    """A student and an account that seem to be one person's, and are not."""

    person_id: Annotated[int, Field(ge=0)] | Text
    account: Text


class School(Kept):
    """One school of ``schools.yaml``; the keys are the interface, SPEC section 11 explains them."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
    name: Text
    la: Code
    estab: Code
    modules: list[Text]
    username: Literal["admission_number", "email"]
    schedule: Schedule | None = None
    timezone: Text = "Europe/London"
    alert_emails: list[EmailAddress] = Field(default_factory=list)
    office_emails: list[EmailAddress] = Field(default_factory=list)
    records_mail: Literal["daily", "weekly"] = "daily"
    digest: Literal["problems", "always"] = "problems"
    late_after_minutes: int = Field(default=180, ge=1, le=7 * 24 * 60)
    genders: list[Text] | None = None
    disable_unlinked: bool = True
    ignored_roles: list[Text] = Field(default_factory=lambda: ["user"])
    forename: Literal["forename", "chosen_name"] = "forename"
    attributes: Sent = Field(default_factory=dict)
    withhold: list[Withheld] = Field(default_factory=list, repr=False)
    limits: Limits = Limits()
    directory: DirectorySettings = Field(default_factory=DirectorySettings)
    sims: SimsSettings = SimsSettings()
    expected: list[Window] = Field(default_factory=list)
    pause: list[Pause] = Field(default_factory=list)
    not_the_same: list[NotTheSame] = Field(default_factory=list)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in _timezones():
            raise ValueError("is no time zone of the IANA database, such as Europe/London")
        return value

    @property
    def synchronised(self) -> bool:
        """A school is synchronised when at least one of its platform modules is enabled."""
        return bool(self.modules)

    @property
    def off(self) -> frozenset[str]:
        """The values that are said not to be sent (``model.attributes.OPTIONAL``)."""
        return frozenset(name for name, is_sent in self.attributes.items() if not is_sent)

    @property
    def unsent(self) -> frozenset[str]:
        """The values that are not sent: what is off, and what no place is named for where one must be."""
        return self.off | self.directory.unmapped

    def withheld(self, *, to_clear: bool = False) -> dict[str, frozenset[str]]:
        """The values that the school does not send of single students, by Person ID.

        :param to_clear: those alone that are to be cleared; what is off for all stays as it is.
        """
        found: dict[str, frozenset[str]] = {}
        for each in self.withhold:
            if each.clear or not to_clear:
                names = frozenset(each.attributes) - (self.off if to_clear else frozenset())
                found[each.person_id] = found.get(each.person_id, frozenset()) | names
        return found

    @property
    def dag_id(self) -> str:
        return f"sims_student_sync__{self.id}"

    @property
    def sims_connection(self) -> str:
        return f"sims_{self.id.replace('-', '_')}"

    @property
    def directory_connection(self) -> str:
        return f"directory_{self.id.replace('-', '_')}"

    @property
    def cron(self) -> str | None:
        """The school's schedule, by default a stable minute of its own between 01:00 and 04:00; none where manual."""
        if self.schedule == MANUAL:
            return None
        if self.schedule is not None:
            return self.schedule
        digest = int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:4], "big")
        hour, minute = divmod(_FIRST_MINUTE + digest % (_LAST_MINUTE - _FIRST_MINUTE + 1), 60)
        return f"{minute} {hour} * * *"

    def due_before(self, moment: datetime) -> datetime | None:
        """When the last scheduled run before a moment was due; none where the schedule is manual."""
        from croniter import croniter

        if self.cron is None:
            return None
        due: datetime = croniter(self.cron, moment.astimezone(zoneinfo.ZoneInfo(self.timezone))).get_prev(datetime)
        return due

    def windows_on(self, day: date) -> list[Window]:
        """The windows of `expected` that a day is in."""
        return [window for window in self.expected if window.covers(day)]

    def paused_on(self, day: date, what: Literal["leavers", "all"]) -> Pause | None:
        """The pause that holds this back on a day, if one does."""
        return next((pause for pause in self.pause if pause.what == what and pause.covers(day)), None)

    def begins_on(self, day: date) -> list[Window | Pause]:
        """The windows and pauses that begin on a day."""
        begin: list[Window | Pause] = [*self.expected, *self.pause]
        return [each for each in begin if each.begins_on(day)]

    def limits_on(self, day: date) -> Mapping[str, Limit]:
        """The limits of a day by key: more may be created while joiners are expected."""
        limits = dict(self.limits)
        if any(window.joiners for window in self.windows_on(day)):
            percent = max(limits["create"].percent, JOINERS_PERCENT)
            limits["create"] = limits["create"].model_copy(update={"percent": percent})
        return limits
