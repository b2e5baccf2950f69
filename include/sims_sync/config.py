"""``schools.yaml``: which schools are synchronised, and how (SPEC section 11).

One bad school must not stop the others, so :func:`load_schools` gives back the schools that are right beside the errors
of those that are not.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
import zoneinfo
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from croniter import croniter
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

CONFIG_VARIABLE = "SIMS_SYNC_CONFIG"
DEFAULT_CONFIG = Path(__file__).parents[1] / "config" / "schools.yaml"

MANUAL = "manual"
"""The `schedule` of a school whose runs are only those that a person triggers."""

_FIRST_MINUTE, _LAST_MINUTE = 1 * 60, 4 * 60 - 1  # nightly runs start between 01:00 and 04:00

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


class ConfigError(Exception):
    """A school (or the whole file) cannot be used; the message names file, school and key."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Limit(_Strict):
    """A plan is over it when its count is above ``floor`` and above ``percent`` of the base, or above ``count``."""

    percent: float = Field(ge=0, le=100)
    floor: Count
    count: Count | None = None


LIMITS: Mapping[str, Limit] = {
    "disable": Limit(percent=10, floor=5),
    "disable_7_days": Limit(percent=15, floor=5),
    "clear": Limit(percent=10, floor=5),
    "create": Limit(percent=25, floor=20),
    "reject": Limit(percent=20, floor=5),
}
"""The limits of SPEC section 7 with their defaults."""


class Limits(_Strict):
    """The school's own limits; what it does not say stays at its default in :data:`LIMITS`."""

    disable: Limit = LIMITS["disable"]
    disable_7_days: Limit = LIMITS["disable_7_days"]
    clear: Limit = LIMITS["clear"]
    create: Limit = LIMITS["create"]
    reject: Limit = LIMITS["reject"]

    @field_validator("*", mode="before")
    @classmethod
    def _fill_from_default(cls, value: Any, info: Any) -> Any:
        if isinstance(value, dict) and info.field_name in LIMITS:
            return {**LIMITS[info.field_name].model_dump(), **value}
        return value


@cache
def _timezones() -> set[str]:
    """All names of the IANA database; to gather them takes longer than to check a school."""
    return zoneinfo.available_timezones()


class Kept(_Strict):
    """How many days the files of a run, and SIMS's own documents among them, are kept."""

    retention_days: Days = 30
    raw_retention_days: Days = 7


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
    alert_emails: list[EmailAddress] = []
    late_after_minutes: int = Field(default=180, ge=1, le=7 * 24 * 60)
    genders: list[Text] | None = None
    disable_unlinked: bool = True
    ignored_roles: list[Text] = ["user"]
    limits: Limits = Limits()

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


def config_path() -> Path:
    """The file that ``SIMS_SYNC_CONFIG`` names, else ``include/config/schools.yaml``."""
    return Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def load_schools(path: Path | None = None) -> tuple[dict[str, School], list[ConfigError]]:
    """Read the schools.

    :param path: the YAML file; default :func:`config_path`.
    :returns: the right schools by id, in the order of the file, and one error for each wrong one.
    :raises ConfigError: the file as a whole cannot be read.
    """
    path = path or config_path()
    defaults, entries = _read(path)
    times = Counter(entry["id"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str))
    schools: dict[str, School] = {}
    errors: list[ConfigError] = []
    for position, entry in enumerate(entries, start=1):
        try:
            school = _school(path, position, entry, defaults)
            if times[school.id] > 1:
                raise ConfigError(f"{path}: school {school.id}: key `id`: {times[school.id]} schools have this id.")
        except ConfigError as error:
            errors.append(error)
        else:
            schools[school.id] = school
    return schools, errors


def default_retention(path: Path | None = None) -> Kept:
    """How long files are kept of a school that does not say otherwise, or that the file does not name any more.

    :param path: the YAML file; default :func:`config_path`.
    :raises ConfigError: the file as a whole cannot be read, or its `defaults` are wrong.
    """
    path = path or config_path()
    defaults, _ = _read(path)
    try:
        return Kept.model_validate({key: defaults[key] for key in Kept.model_fields if key in defaults})
    except ValidationError as error:
        raise ConfigError(f"{path}: `defaults`: {_problems(error)}.") from None


def _read(path: Path) -> tuple[dict[Any, Any], list[Any]]:
    """The defaults and the entries of the file; for an entry that YAML cannot make a value of, its error.

    :raises ConfigError: the file as a whole cannot be read.
    """
    loader, parts = _composed(path)
    if unknown := set(parts) - {"defaults", "schools"}:
        raise ConfigError(f"{path}: the keys are `defaults` and `schools`; found {', '.join(sorted(unknown))}.")
    defaults = _value(path, loader, parts.get("defaults"))
    if isinstance(defaults, ConfigError):
        raise defaults
    if not isinstance(defaults or {}, dict):
        raise ConfigError(f"{path}: `defaults` must be a mapping of keys to values.")
    schools = parts.get("schools")
    if isinstance(schools, yaml.SequenceNode):
        return defaults or {}, [_value(path, loader, entry) for entry in schools.value]
    if _value(path, loader, schools) is not None:
        raise ConfigError(f"{path}: `schools` must be a list.")
    return defaults or {}, []


def _composed(path: Path) -> tuple[Any, dict[str, yaml.Node]]:
    """The nodes of the file by their keys, and what makes values of them: each apart, so that one stops no other."""
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_bytes())
        top = loader.get_single_node()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: is no YAML: {error}") from error
    if not isinstance(top, yaml.MappingNode):
        raise ConfigError(f"{path}: the keys are `defaults` and `schools`; found no mapping.")
    return loader, {str(key.value): value for key, value in top.value}


def _value(path: Path, loader: Any, node: yaml.Node | None) -> Any:
    """What a node holds, or the error of one that holds no value (``2026-13-45``, an unknown tag)."""
    try:
        return None if node is None else loader.construct_document(node)
    except Exception as error:  # PyYAML lets through what its conversions raise: KeyError, ValueError, and others
        reason = getattr(error, "problem", None) or f"a value cannot be read ({type(error).__name__})"
        return ConfigError(f"{path}: the entry in line {node.start_mark.line + 1 if node else 1}: {reason}.")


def _school(path: Path, position: int, entry: Any, defaults: dict[Any, Any]) -> School:
    if isinstance(entry, ConfigError):
        raise entry
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}: school number {position}: must be a mapping of keys to values.")
    name = entry["id"] if isinstance(entry.get("id"), str) else f"number {position}"
    try:
        return School.model_validate(_merged(defaults, entry))
    except ValidationError as error:
        raise ConfigError(f"{path}: school {name}: {_problems(error)}.") from None


def _merged(defaults: dict[Any, Any], entry: dict[Any, Any]) -> dict[Any, Any]:
    """What holds for a school: its own values before the defaults, and so with each of its limits."""
    merged = {**defaults, **entry}
    limits = [each["limits"] for each in (defaults, entry) if each.get("limits") is not None]
    merged.pop("limits", None)
    if all(isinstance(each, dict) for each in limits):
        limits = [{key: limit for each in limits for key, limit in each.items()}]
    return {**merged, "limits": limits[-1]} if limits else merged


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"key `{'.'.join(map(str, problem['loc']))}`: {problem['msg']}" for problem in error.errors(include_url=False)
    )
