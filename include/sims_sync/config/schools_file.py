"""The file ``schools.yaml``: which schools are synchronised, and how (SPEC section 11).

One bad school must not stop the others, so :func:`load_schools` gives back the schools that are right beside the errors
of those that are not.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.reader import ReaderError

from sims_sync.config.school_entry import Kept, School

CONFIG_VARIABLE = "SIMS_SYNC_CONFIG"
_MERGED = {"limits": 1, "attributes": 1, "directory": 1, "sims": 2}
"""Keys of which a school says only what is other than in `defaults`, and how many levels of keys that holds for."""

DEFAULT_CONFIG = Path(__file__).parents[2] / "config" / "schools.yaml"


class ConfigError(Exception):
    """A school (or the whole file) cannot be used; the message names file, school and key."""


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


def said_by_schools(path: Path | None = None) -> dict[str, frozenset[str]]:
    """Which keys each school's own entry has, in place of what `defaults` says: a limit as ``limits.<its key>``.

    :param path: the YAML file; default :func:`config_path`.
    :raises ConfigError: the file as a whole cannot be read.
    """
    entries = [each for each in _read(path or config_path())[1] if isinstance(each, dict)]
    return {str(each.get("id")): frozenset(_said(each)) for each in entries}


def _said(entry: dict[Any, Any]) -> Iterator[str]:
    for key, value in entry.items():
        yield str(key)
        if key == "limits" and isinstance(value, dict):
            yield from (f"limits.{name}" for name in value)


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
        where = min((parts[key] for key in unknown), key=lambda node: node.start_mark.line)
        raise ConfigError(
            f"{_at(path, where)}: the keys are `defaults` and `schools`; found {', '.join(sorted(unknown))}."
        )
    defaults = _value(path, loader, parts.get("defaults"))
    if isinstance(defaults, ConfigError):
        raise defaults
    if not isinstance(defaults or {}, dict):
        raise ConfigError(f"{_at(path, parts['defaults'])}: `defaults` must be a mapping of keys to values.")
    schools = parts.get("schools")
    if isinstance(schools, yaml.SequenceNode):
        return defaults or {}, [_value(path, loader, entry) for entry in schools.value]
    if _value(path, loader, schools) is not None:
        raise ConfigError(f"{_at(path, parts['schools'])}: `schools` must be a list.")
    return defaults or {}, []


def _composed(path: Path) -> tuple[Any, dict[str, yaml.Node]]:
    """The nodes of the file by their keys, and what makes values of them: each apart, so that one stops no other."""
    try:
        content = path.read_bytes()
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(content)
        top = loader.get_single_node()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}{_line(error, content)}: is no YAML: {_problem(error)}.") from error
    if not isinstance(top, yaml.MappingNode):
        raise ConfigError(f"{path}: the keys are `defaults` and `schools`; found no mapping.")
    return loader, {str(key.value): value for key, value in top.value}


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}, line {node.start_mark.line + 1}"


def _line(error: Exception, content: bytes) -> str:
    """In which line of the file it is wrong, where that is known."""
    line, last = None, content.rstrip().count(b"\n")
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        line = min(error.problem_mark.line, last)  # what ends too early is told to end after the last line
    elif isinstance(error, ReaderError):
        line = content[: error.position].count(b"\n")
    return "" if line is None else f", line {line + 1}"


def _problem(error: Exception) -> str:
    """What is wrong, without the text round it, in which a value may stand that is nobody's business."""
    if isinstance(error, yaml.MarkedYAMLError):
        at = error.context_mark and error.context_mark.line + 1
        begun = f" that begins in line {at}" if at and error.problem_mark and at <= error.problem_mark.line else ""
        return ", ".join(filter(None, (error.problem, f"{error.context}{begun}" if error.context else "")))
    return getattr(error, "reason", None) or "it is nested too deeply"


def _value(path: Path, loader: Any, node: yaml.Node | None) -> Any:
    """What a node holds, or the error of one that holds no value (``2026-13-45``, an unknown tag)."""
    try:
        return None if node is None else loader.construct_document(node)
    except Exception as error:  # PyYAML lets through what its conversions raise: KeyError, ValueError, and others
        reason = getattr(error, "problem", None) or f"a value cannot be read ({type(error).__name__})"
        return ConfigError(f"{path}: {_place(loader, node)}: {reason}.")


def _place(loader: Any, node: Any) -> str:
    """Where a node holds no value: its line, the school that it is of, and the key."""
    place = f"the entry in line {node.start_mark.line + 1}"
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "id" and isinstance(value, yaml.ScalarNode):
            place = f"school {value.value}: {place}"
        try:
            loader.construct_document(value)
        except Exception:  # the same
            return f"{place}: key `{key.value}`"
    return place


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
    """What holds for a school: its own values before the defaults; likewise each limit, and each of SIMS's names."""
    merged = {**defaults, **entry}
    for key, depth in _MERGED.items():
        said = [each[key] for each in (defaults, entry) if each.get(key) is not None]
        merged.pop(key, None)
        if said:
            merged[key] = _over(said[0], said[-1], depth)
    return merged


def _over(default: Any, own: Any, depth: int) -> Any:
    """A mapping over another one: its own values count, and so in the mappings in it, so many levels deep."""
    if not isinstance(default, dict) or not isinstance(own, dict):
        return own
    deeper = {key: _over(default[key], own[key], depth - 1) for key in default.keys() & own.keys()} if depth > 1 else {}
    return {**default, **own, **deeper}


def _problems(error: ValidationError) -> str:
    problems = (
        f"key `{'.'.join(map(str, _way_to(problem['loc'])))}`: {problem['msg']}"
        for problem in error.errors(include_url=False)
    )
    return "; ".join(dict.fromkeys(problems))


def _way_to(place: Sequence[int | str]) -> Sequence[int | str]:
    """Where the problem is. How many entries `withhold` has is nobody's business (SPEC section 4)."""
    return [part for part in place if not isinstance(part, int)] if "withhold" in place[:1] else place
