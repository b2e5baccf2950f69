"""Kinds of values of ``schools.yaml``, each with what makes one wrong (SPEC section 11)."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated

from croniter import croniter
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MANUAL = "manual"
"""The `schedule` of a school whose runs are only those that a person triggers."""

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""The names of cron expressions that Airflow knows; croniter does not know all of them."""

_FIELDS = 5
"""Of a cron expression. croniter takes more, and reads the sixth as seconds, where others read a year."""

_BY_CHANCE = re.compile(r"(?<![a-z])[hr](?![a-z])", re.IGNORECASE)
"""croniter's own letters for times by chance, which would be others whenever somebody asks."""

_LONGEST_SCHEDULE = 80
"""What Airflow says of a longer one in words may not fit into its database."""


def _one_line(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValueError("must be one line of text, without control characters")
    return value


def _cron(value: str) -> str:
    """A schedule as it is used: ``manual``, or a cron expression of five fields that has a time."""
    if value == MANUAL:
        return value
    expression = _PRESETS.get(value, value)
    no_cron = (
        "is no cron expression of five fields, such as `30 2 * * *` for 02:30 of each day"
        f" (minute, hour, day, month, weekday), nor `{MANUAL}`"
    )
    if len(expression) > _LONGEST_SCHEDULE or len(expression.split()) != _FIELDS or _BY_CHANCE.search(expression):
        raise ValueError(no_cron)
    try:
        times = croniter(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except ValueError:
        raise ValueError(no_cron) from None
    try:
        times.get_next(datetime)
    except ValueError:
        raise ValueError("is a cron expression for a day that never comes") from None
    return expression


def _address(value: str) -> str:
    """An address as mail servers take it (RFC 5321): with the domain in ASCII."""
    try:
        found = validate_email(value, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise ValueError("is no email address, such as data-team@example.org (the address alone, no name)") from None
    return found.ascii_email or found.normalized


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Code = Annotated[Text, StringConstraints(max_length=50)]
"""It is a part of a tag in Airflow, which may have 100 characters."""
Schedule = Annotated[Text, AfterValidator(_cron)]
EmailAddress = Annotated[Text, AfterValidator(_address)]
Days = Annotated[int, Field(ge=1, le=3650)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Strict(BaseModel):
    """A part of the file: no key that is not known, no value that is only nearly right."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
