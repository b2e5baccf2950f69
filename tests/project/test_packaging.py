"""What the built package says of itself, and what lies in it."""

from __future__ import annotations

import email.message
import email.parser
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel, built from a copy: setuptools leaves its own files beside the sources."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "requirements.in", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy)
    shutil.copytree(PROJECT / "include", copy / "include", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    subprocess.run([sys.executable, "-c", BUILD, str(copy)], cwd=copy, check=True, capture_output=True)
    (built,) = copy.glob("*.whl")
    return zipfile.Path(built)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.Path) -> email.message.Message:
    (folder,) = (each for each in wheel.iterdir() if each.name.endswith(".dist-info"))
    return email.parser.Parser().parsestr((folder / "METADATA").read_text("utf-8"))


@pytest.mark.parametrize("package", ["sims_sync", "sandbox"])
def test_every_file_of_a_package_is_in_the_wheel(wheel: zipfile.Path, package: str) -> None:
    root = PROJECT / "include" / package
    files = {str(path.relative_to(root.parent)) for path in root.rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name}
    assert f"{package}/py.typed" in files
    assert not files - set(wheel.root.namelist())


def test_the_package_names_its_licence_once_and_the_pythons_that_it_takes(metadata: email.message.Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    classifiers = metadata.get_all("Classifier", [])
    assert not [each for each in classifiers if each.startswith("License ::")]
    minors = [
        each.rpartition(".")[2] for each in classifiers if each.startswith("Programming Language :: Python :: 3.")
    ]
    assert metadata["Requires-Python"] == f"<3.{int(minors[-1]) + 1},>=3.{minors[0]}"
    assert minors == [str(minor) for minor in range(int(minors[0]), int(minors[-1]) + 1)]
    assert "Typing :: Typed" in classifiers


def test_the_version_has_its_entry_in_the_changelog() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    headings = [line for line in (PROJECT / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("## ")]
    assert headings[0] == "## [Unreleased]"
    assert headings[1].startswith(f"## [{version}] - 20")
