"""The pins are those of what the project says that it needs, and it says what it imports."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
NAMES = ("requirements", "requirements-server", "requirements-dev")
SERVERS = PROJECT / "tests" / "servers"  # each in an environment of its own
OF_SERVERS = sorted(path.relative_to(PROJECT).with_suffix("").as_posix() for path in SERVERS.glob("*/requirements.in"))
ALL = (*NAMES, "requirements-installer", *OF_SERVERS)
OWN = {"sims_sync", "sandbox", "tests"}


def _direct(name: str) -> list[Requirement]:
    lines = (PROJECT / f"{name}.in").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def _pins(name: str) -> list[tuple[Requirement, str]]:
    """The pins, each with the lines below it: its hashes and what asks for it."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", (PROJECT / f"{name}.txt").read_text(), flags=re.MULTILINE)[1:]
    return [(Requirement(block.partition("\\")[0]), block) for block in blocks]


@pytest.mark.parametrize("name", ALL)
def test_the_pins_are_in_date_with_what_they_are_compiled_from(name: str) -> None:
    """The quick look, without the index: ``make requirements-check`` compiles them anew."""
    asked = {canonicalize_name(pin.name) for pin, below in _pins(name) if f"-r {name}.in" in below}
    assert asked == {canonicalize_name(direct.name) for direct in _direct(name)}
    for direct in _direct(name):
        for pin, _ in _pins(name):
            if canonicalize_name(pin.name) == canonicalize_name(direct.name):
                (version,) = (specifier.version for specifier in pin.specifier)
                assert direct.specifier.contains(version), f"{pin} is not {direct}: make requirements"


@pytest.mark.parametrize("name", ALL)
def test_every_pin_is_exact_and_has_hashes(name: str) -> None:
    for pin, below in _pins(name):
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert "--hash=sha256:" in below, pin


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in SERVERS.glob("*/package.json")), ids=lambda path: path.name
)
def test_every_pin_of_a_server_for_node_is_exact_and_has_its_hash(folder: Path) -> None:
    asked = json.loads((folder / "package.json").read_text())["dependencies"]
    root, *pins = json.loads((folder / "package-lock.json").read_text())["packages"].values()
    assert root["dependencies"] == asked, "make requirements"
    assert all(version[0].isdecimal() for version in asked.values())
    assert all(pin["integrity"].startswith("sha512-") and "resolved" not in pin for pin in pins)


@pytest.mark.parametrize("name", NAMES[1:])
def test_server_and_tools_have_the_very_pins_of_the_run_time(name: str) -> None:
    run_time, more = ({f"{pin.name}{pin.specifier}" for pin, _ in _pins(each)} for each in ("requirements", name))
    assert run_time <= more


@pytest.mark.parametrize(
    ("folders", "names"),
    [(("include", "dags", "plugins"), NAMES[:1]), (("tests",), NAMES)],
    ids=["product", "tests"],
)
def test_what_is_imported_is_asked_for(folders: tuple[str, ...], names: tuple[str, ...]) -> None:
    asked = {canonicalize_name(direct.name) for name in names for direct in _direct(name)}
    distributions = importlib.metadata.packages_distributions()
    for folder in folders:
        files = list((PROJECT / folder).rglob("*.py"))
        own = OWN | {file.stem for file in files}  # tests import their neighbours by name
        for file in files:
            if SERVERS in file.parents[1:]:
                continue  # it imports from the environment of its server
            for module in _imported(file) - own - sys.stdlib_module_names:
                provided_by = {canonicalize_name(name) for name in distributions.get(module, [])}
                assert provided_by & asked, f"{file.relative_to(PROJECT)} imports {module} of {provided_by}"


def _imported(file: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.partition(".")[0])
    return modules
