"""What holds for the project as a whole."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

PROJECT = Path(__file__).parents[2]
LARGEST_FILE = 1_000_000  # bytes; the pins with their hashes are the largest
LONGEST_MODULE = 330  # lines, of what is no test


def _files() -> list[Path]:
    """What is in the repository, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := PROJECT / name).is_file()]


def _make(*arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=PROJECT, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_make_help_lists_every_target() -> None:
    targets = re.findall(r"^\.PHONY: (.+)$", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE)
    lines = _make("help").splitlines()
    listed = {line.split()[0] for line in lines if not line.startswith("   ")}
    assert max(map(len, lines)) <= 80
    assert set(targets) == listed
    assert {"demo", "test", "lint", "types", "imports", "format", "requirements", "check", "clean"} <= listed


def test_make_alone_is_make_help() -> None:
    assert _make() == _make("help")


def test_ci_checks_and_then_tests_with_pytest_last() -> None:
    script = PROJECT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text().splitlines() if line.startswith("step ")]
    called = [command.split()[-1].removeprefix("ARGS=") for command in commands]
    steps = ["browser", "venv", "check", "compose", "node_js", "test-servers", "test-slow", "other_pythons", "test"]
    assert called == steps
    assert commands[-1].endswith("make test")
    assert script.read_text().rstrip().endswith(commands[-1])


def test_no_file_names_a_package_registry_or_a_place_on_somebodys_machine() -> None:
    registry = re.compile(r"pypi\.(org|python)|pythonhosted\.|npmjs\.|deb\.debian\.|index-url|find-links \S+/")
    place = re.compile(r"(?<![\w.$)}])/(root|work)/\w")
    for path in _files():
        if path == Path(__file__):
            continue
        text = path.read_text(errors="replace")
        for pattern in (registry, place):
            found = pattern.search(text)
            assert not found or "--no-emit" in text[: found.end()], f"{path.relative_to(PROJECT)}: {found}"


def test_no_file_is_large_and_no_module_is_long() -> None:
    for path in _files():
        assert path.stat().st_size <= LARGEST_FILE, path
        if path.suffix == ".py" and PROJECT / "tests" not in path.parents:
            assert len(path.read_text().splitlines()) <= LONGEST_MODULE, path


def test_every_module_says_what_it_is_for() -> None:
    for path in _files():
        if path.suffix == ".py" and path.name not in ("__init__.py", "conftest.py"):
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_the_licence_is_apaches_own_text_and_no_more() -> None:
    text = (PROJECT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text[:200]
    assert text.endswith("limitations under the License.\n")


def test_no_two_modules_of_the_library_share_a_name() -> None:
    names = Counter(path.stem for path in (PROJECT / "include" / "sims_sync").rglob("*.py"))
    assert [name for name, times in names.items() if times > 1 and name != "__init__"] == []


def test_no_module_of_the_library_imports_itself_by_way_of_others() -> None:
    library = grimp.build_graph("sims_sync", cache_dir=None)
    imported = {module: library.find_modules_directly_imported_by(module) for module in library.modules}
    TopologicalSorter(imported).prepare()  # raises CycleError, which names the modules
