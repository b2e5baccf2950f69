"""``make`` installs into ``.venv`` by itself: on every Python, whatever pip that brings, from nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
INSTALLED_FROM = (
    "Makefile",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements-installer.txt",
    "requirements.in",
    "requirements.txt",
)
OLDEST_PIP = {"3.11": "22.3", "3.12": "23.2.1", "3.13": "24.2"}
"""What ``python -m venv`` of the first release of each Python brings."""

WITH_ITS_FIRST_PIP = """\
#!/bin/sh
"{python}" "$@" || exit
test "$1 $2" = "-m venv" || exit 0
for folder; do :; done
exec "$folder/bin/python" -m pip install --quiet --disable-pip-version-check pip=={pip}
"""

pytestmark = pytest.mark.slow


def _pythons() -> dict[str, str]:
    """The Python that runs the tests, and the others on the path, by version."""
    found = {f"3.{sys.version_info.minor}": str(Path(sys.executable).resolve())}
    for version in OLDEST_PIP.keys() - found.keys():
        command = [f"python{version}", "-c", "import sys; print(sys.executable)"]
        if shutil.which(command[0]):
            asked = subprocess.run(command, check=False, capture_output=True, text=True)
            if asked.returncode == 0:  # pyenv has commands for Pythons that are switched off
                found[version] = asked.stdout.strip()
    return dict(sorted(found.items()))


PYTHONS = _pythons()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What an install takes of the project."""
    folder = tmp_path / "clone"
    shutil.copytree(PROJECT / "include", folder / "include", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in INSTALLED_FROM:
        shutil.copy(PROJECT / name, folder)
    return folder


def _make(clone: Path, *arguments: str, **settings: str) -> None:
    """``make`` with an empty home and what any machine has on its path; pip's own settings stay."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "XDG_", "PIP_CACHE"))}
    environment = {**own, "HOME": str(home), "PATH": os.defpath, "PIP_NO_COMPILE": "1", **settings}
    made = subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert made.returncode == 0, made.stdout


def _inside(clone: Path, *arguments: str) -> str:
    command = [clone / ".venv" / "bin" / "python", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _version(clone: Path) -> str:
    return _inside(clone, "-c", "import sys; print('3.%d' % sys.version_info.minor)").strip()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", PYTHONS)
def test_the_pip_that_comes_with_the_first_release_of_a_python_is_enough(clone: Path, version: str) -> None:
    python = clone.parent / "python"
    python.write_text(WITH_ITS_FIRST_PIP.format(python=PYTHONS[version], pip=OLDEST_PIP[version]))
    python.chmod(0o755)
    _make(clone, ".venv/.requirements.txt", f"PYTHON={python}")
    assert _version(clone) == version
    assert "--students" in _inside(clone, "-m", "sandbox.demo", "--help")
    shutil.rmtree(clone / ".venv")


def test_a_python_that_is_asked_for_is_taken_and_stays_until_another_one_is(clone: Path) -> None:
    for version, python in PYTHONS.items():
        _make(clone, ".venv/.requirements-installer.txt", f"PYTHON={python}")
        assert _version(clone) == version
        _make(clone, ".venv/.requirements-installer.txt")
        assert _version(clone) == version


def test_what_an_interrupted_install_left_behind_is_made_anew(clone: Path) -> None:
    half = [sys.executable, "-m", "venv", "--without-pip", str(clone / ".venv")]
    subprocess.run(half, check=True)
    _make(clone, ".venv/.requirements-installer.txt")
    assert f"pip=={_inside(clone, '-m', 'pip', '--version').split()[1]} " in (
        (clone / "requirements-installer.txt").read_text()
    )


def test_a_pip_that_is_set_to_install_for_its_user_installs_into_the_environment(clone: Path) -> None:
    _make(clone, ".venv/.requirements-installer.txt", PIP_USER="1")
