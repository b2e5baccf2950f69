"""What docker-compose.yaml and its secrets must be, as far as that is seen without Docker."""

from __future__ import annotations

import base64
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docker-compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
SECRET = re.compile(r"SECRET|PASSWORD|_KEY")
GOES_ON = {name: service for name, service in SERVICES.items() if service.get("restart") != "no"}


def make_env(folder: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(PROJECT / "Makefile", folder)
    return subprocess.run(["make", "env"], cwd=folder, check=False, capture_output=True, text=True)


def secrets_of(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("name", GOES_ON)
def test_every_service_that_goes_on_has_a_health_check_and_starts_again(name: str) -> None:
    assert GOES_ON[name]["healthcheck"]["test"]
    assert GOES_ON[name]["restart"] == "always"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_limit_of_memory(name: str) -> None:
    assert SERVICES[name]["mem_limit"]


def test_only_loopback_ports_are_published() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_secrets_have_no_default_and_say_where_they_come_from(tmp_path: Path) -> None:
    make_env(tmp_path)
    used = [(name, rest) for name, rest in re.findall(r"\$\{(\w+)([^}]*)\}", TEXT) if SECRET.search(name)]
    assert {name for name, _ in used} == secrets_of(tmp_path).keys()
    assert {rest for _, rest in used} == {":?make env writes it into .env"}


def test_make_env_writes_secrets_that_nobody_else_can_read(tmp_path: Path) -> None:
    made = make_env(tmp_path)
    secrets = secrets_of(tmp_path)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(secrets["FERNET_KEY"])) == 32
    assert len(secrets["JWT_SECRET"]) >= 64
    assert len(set(secrets.values())) == len(secrets)
    assert all(len(value) >= 24 for value in secrets.values())
    assert not any(value in made.stdout for value in secrets.values())


def test_make_env_refuses_to_overwrite(tmp_path: Path) -> None:
    make_env(tmp_path)
    before = (tmp_path / ".env").read_text()
    again = make_env(tmp_path)
    assert again.returncode != 0
    assert "stays as it is" in again.stdout
    assert (tmp_path / ".env").read_text() == before


def test_secrets_reach_neither_git_nor_docker() -> None:
    assert ".env" in (PROJECT / ".gitignore").read_text().splitlines()
    allowed = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert allowed[0] == "*"  # nothing but what is named
    assert "!.env" not in allowed


def test_every_setting_stands_in_the_guide_with_its_default() -> None:
    settings = {(name, default) for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT)}
    guide = (
        (PROJECT / "docs" / "deploy.md")
        .read_text()
        .partition("<!-- settings -->")[2]
        .partition("<!-- /settings -->")[0]
    )
    listed = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", guide, flags=re.MULTILINE)
    assert set(listed) == settings
