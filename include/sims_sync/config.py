"""``schools.yaml``: which schools are synchronised, and how (SPEC section 11).

One bad school must not stop the others, so :func:`load_schools` gives back the schools that are right beside the errors
of those that are not.
"""

from __future__ import annotations

import hashlib
import os
import zoneinfo
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

CONFIG_VARIABLE = "SIMS_SYNC_CONFIG"
DEFAULT_CONFIG = Path(__file__).parents[1] / "config" / "schools.yaml"

MANUAL = "manual"
"""The `schedule` of a school whose runs are only those that a person triggers."""

_FIRST_MINUTE, _LAST_MINUTE = 1 * 60, 4 * 60 - 1  # nightly runs start between 01:00 and 04:00

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ConfigError(Exception):
    """A school (or the whole file) cannot be used; the message names file, school and key."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Limit(_Strict):
    """A plan is over it when its count is above ``floor`` and above ``percent`` of the base, or above ``count``."""

    percent: float = Field(ge=0, le=100)
    floor: int = Field(ge=0)
    count: int | None = Field(default=None, ge=0)


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

    retention_days: int = Field(default=30, ge=1)
    raw_retention_days: int = Field(default=7, ge=1)


class School(Kept):
    """One school of ``schools.yaml``; the keys are the interface, SPEC section 11 explains them."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
    name: Text
    la: Text
    estab: Text
    modules: list[Text]
    username: Literal["admission_number", "email"]
    schedule: Text | None = None
    timezone: Text = "Europe/London"
    alert_emails: list[Text] = []
    late_after_minutes: int = Field(default=180, ge=1)
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
    document = _read(path)
    defaults = document.get("defaults") or {}
    if not isinstance(defaults, dict):
        raise ConfigError(f"{path}: `defaults` must be a mapping of keys to values.")
    entries = document.get("schools") or []
    if not isinstance(entries, list):
        raise ConfigError(f"{path}: `schools` must be a list.")
    times = Counter(str(entry.get("id")) for entry in entries if isinstance(entry, dict))
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
    defaults = _read(path).get("defaults") or {}
    try:
        return Kept.model_validate({key: defaults[key] for key in Kept.model_fields if key in defaults})
    except ValidationError as error:
        raise ConfigError(f"{path}: `defaults`: {_problems(error)}.") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is no YAML: {error}") from error
    keys = set(document) if isinstance(document, dict) else {"no mapping"}
    if unknown := keys - {"defaults", "schools"}:
        found = ", ".join(sorted(map(str, unknown)))
        raise ConfigError(f"{path}: the keys are `defaults` and `schools`; found {found}.")
    return dict(document)


def _school(path: Path, position: int, entry: Any, defaults: dict[str, Any]) -> School:
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}: school number {position}: must be a mapping of keys to values.")
    name = entry.get("id", f"number {position}")
    limits = {**(defaults.get("limits") or {}), **(entry.get("limits") or {})}
    try:
        return School.model_validate({**defaults, **entry, **({"limits": limits} if limits else {})})
    except ValidationError as error:
        raise ConfigError(f"{path}: school {name}: {_problems(error)}.") from None


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"key `{'.'.join(map(str, problem['loc']))}`: {problem['msg']}" for problem in error.errors(include_url=False)
    )
