"""What docker-compose.yaml and its secrets must be, as far as that is seen without Docker."""

from __future__ import annotations

import base64
import re
import runpy
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRET = re.compile(r"SECRET|PASSWORD|_KEY")
GOES_ON = {name: service for name, service in SERVICES.items() if service.get("restart") != "no"}


def make_env(folder: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(PROJECT / "Makefile", folder)
    return subprocess.run(["make", "env"], cwd=folder, check=False, capture_output=True, text=True)


def secrets_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


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


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_secrets_are_files_and_no_setting_has_one(tmp_path: Path) -> None:
    make_env(tmp_path)
    assert COMPOSE["secrets"] == {
        name: {"file": f"${{SECRETS_FOLDER:-./secrets}}/{name}"} for name in sorted(secrets_of(tmp_path))
    }
    assert {name for service in SERVICES.values() for name in service.get("secrets", [])} == COMPOSE["secrets"].keys()
    assert not [name for name in re.findall(r"\$\{(\w+)", TEXT) if SECRET.search(name) and name != "SECRETS_FOLDER"]
    in_environments = {
        name for service in SERVICES.values() for name in service.get("environment", {}) if SECRET.search(name)
    }
    assert all(name.endswith(("_CMD", "_FILE")) for name in in_environments)


ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"


@pytest.mark.parametrize("destinations", [["00000000", "000017AC"], ["000017AC", "00000000"]])
def test_the_gateway_of_a_containers_network_is_that_of_its_default_route(destinations: list[str]) -> None:
    gateway = runpy.run_path(str(PROJECT / "docker" / "gateway.py"))["gateway"]
    ways = {"00000000": "010017AC", "000017AC": "00000000"}
    lines = [f"eth0\t{each}\t{ways[each]}\t0003\t0\t0\t0\t00000000" for each in destinations]
    assert gateway(ROUTES + "\n".join(lines)) == "172.23.0.1"


def test_without_a_default_route_it_says_what_to_set() -> None:
    gateway = runpy.run_path(str(PROJECT / "docker" / "gateway.py"))["gateway"]
    with pytest.raises(LookupError, match="PROXY_ADDRESS"):
        gateway(ROUTES)


def test_every_image_has_a_version_and_can_be_pinned_by_its_digest() -> None:
    built_on = re.findall(r"AIRFLOW_IMAGE: \$\{AIRFLOW_IMAGE:-(\S+)\}", TEXT)
    assert built_on == re.findall(r"ARG AIRFLOW_IMAGE=(\S+)", (PROJECT / "Dockerfile").read_text())
    images = {service["image"] for service in SERVICES.values()} - {"sims-student-sync"}
    assert all(re.fullmatch(r"\$\{\w+_IMAGE:-[\w/]+:v?\d[\w.]*\}", image) for image in images)


def test_make_env_writes_secrets_that_nobody_else_can_reach(tmp_path: Path) -> None:
    """Users in containers are others, and read the files; on this machine the folder keeps others out."""
    made = make_env(tmp_path)
    secrets = secrets_of(tmp_path)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o444}
    assert len(base64.urlsafe_b64decode(secrets["fernet_key"])) == 32
    assert len(secrets["jwt_secret"]) >= 64
    assert len(set(secrets.values())) == len(secrets)
    assert all(len(value) >= 24 and value == value.strip() for value in secrets.values())
    assert not any(value in made.stdout for value in secrets.values())


def test_make_env_refuses_to_overwrite_and_makes_what_is_missing(tmp_path: Path) -> None:
    make_env(tmp_path)
    before = secrets_of(tmp_path)
    again = make_env(tmp_path)
    assert again.returncode != 0
    assert "stay as they are" in again.stdout
    assert secrets_of(tmp_path) == before
    (tmp_path / "secrets" / "redis_password").unlink()
    assert make_env(tmp_path).returncode == 0
    assert {name for name, value in secrets_of(tmp_path).items() if value != before[name]} == {"redis_password"}


def test_make_env_takes_secrets_that_stand_in_the_settings(tmp_path: Path) -> None:
    """So an installation goes on whose secrets were settings."""
    (tmp_path / ".env").write_text("AIRFLOW_PORT=8090\nFERNET_KEY=new=,old=\nPOSTGRES_PASSWORD=in use\n")
    assert make_env(tmp_path).returncode == 0
    secrets = secrets_of(tmp_path)
    assert (secrets["fernet_key"], secrets["postgres_password"]) == ("new=,old=", "in use")
    assert len(secrets["redis_password"]) == 64


def test_secrets_reach_neither_git_nor_docker() -> None:
    assert {".env", "/secrets/"} <= set((PROJECT / ".gitignore").read_text().splitlines())
    allowed = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert allowed[0] == "*"  # nothing but what is named
    assert not {"!.env", "!secrets"} & set(allowed)


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
