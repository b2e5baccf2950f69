"""docker-compose.yaml, brought up from nothing under a name of its own, with small schools beside the sandbox."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import requests
import yaml
from serve_schools import PASSWORD, SCHOOLS, TOKEN, SmallSchool

from sandbox.airflow_api import AirflowApi
from sandbox.compose_demo import connections
from sandbox.processes import free_port
from sims_sync.store.layout import run_name

ROOT = Path(__file__).parents[2]
PROJECT = "sims-student-sync-test"
WORKERS = 2
PATIENCE = 180.0  # seconds

# A killed worker is noticed soon, and what failed is tried again soon.
QUICK = {
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
}
_AIRFLOW = ("apiserver", "scheduler", "dag-processor", "triggerer", "worker")


class Installation:
    """The services, and what a person does with them.

    :param folder: for the secrets, the schools' configuration and the further compose file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.airflow_port, self.mail_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.airflow_port}"
        self._write_files()
        self.secrets = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
        self.airflow = self.api()

    def api(self) -> AirflowApi:
        """Airflow's REST API as the administrator, logged in anew."""
        return AirflowApi(self.url, "admin", self.secrets["admin_password"], alive=lambda: None)

    def page(self, path: str, username: str, password: str) -> requests.Response:
        """A page of Airflow's API server, or an answer of its API, as somebody sees it."""
        login = {"username": username, "password": password}
        token = requests.post(f"{self.url}/auth/token", json=login, timeout=60).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Cookie": f"_token={token}"}
        return requests.get(f"{self.url}{path}", headers=headers, timeout=60)

    @property
    def command(self) -> list[str]:
        """What ``docker compose`` is here."""
        files = ["--file", str(ROOT / "docker-compose.yaml"), "--file", str(self._folder / "tests.yaml")]
        project = ["--env-file", str(self._folder / ".env"), "--project-name", PROJECT, "--profile", "sandbox"]
        return [*_compose(), *files, *project]

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Call compose; what it prints.

        :raises AssertionError: it failed; the message has what it said.
        """
        return self._run([*self.command, *arguments], ROOT, check)

    def as_documented(self, name: str) -> str:
        """Run the commands of docs/deploy.md below ``<!-- name -->``, in a folder of our own; what they print."""
        text = (ROOT / "docs" / "deploy.md").read_text()
        (block,) = re.findall(rf"<!-- {name} -->\n```sh\n(.*?)```", text, flags=re.DOTALL)
        script = block.replace("docker compose", shlex.join(self.command))
        return self._run(["bash", "-euc", script], self._folder, check=True)

    @staticmethod
    def _run(command: Sequence[str], folder: Path, check: bool) -> str:
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{command}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
        return done.stdout

    def up(self) -> None:
        """Bring everything up, and wait until it is well."""
        self.compose("up", "--detach", "--scale", f"airflow-worker={WORKERS}")
        self.airflow = self.api()
        self.until(self.airflow.healthy, "Airflow is well")
        self.until(self._workers_answer, "each worker answers")

    def _workers_answer(self) -> bool:
        ping = ["celery", "--app", "airflow.providers.celery.executors.celery_executor.app", "inspect", "ping"]
        answer = self.compose("exec", "-T", "airflow-scheduler", *ping, "--json", check=False)
        return answer.count('"pong"') == WORKERS

    def containers(self, service: str = "") -> list[str]:
        """The ids of the containers that there are, of one service or of all."""
        return self.compose("ps", "--quiet", *([service] if service else [])).split()

    def connect(self, school: SmallSchool, password: str = PASSWORD) -> None:
        """Set a school's connections in Airflow's database."""
        name, host = school.id.replace("-", "_"), "http://schools"
        inside = {"extra": '{"allow_http": true}'}
        sims = {"host": f"{host}:{school.sims_port}/ThirdParty.svc", "login": "sync", "password": password, **inside}
        self.airflow.connect(f"sims_{name}", conn_type="sims", **sims)
        directory = {"host": f"{host}:{school.directory_port}/scim/v2", "password": TOKEN, **inside}
        self.airflow.connect(f"directory_{name}", conn_type="scim", **directory)

    def connect_all(self) -> None:
        for school in SCHOOLS:
            self.connect(school)
        sandbox = connections(self.secrets["sandbox_password"])
        self.airflow.connect("smtp_default", **sandbox["smtp_default"])

    def night(self, school: SmallSchool, run_id: str, **parameters: Any) -> str:
        """A run from its beginning to its end; its state."""
        self.airflow.trigger(dag_of(school), parameters, run_id=run_id)
        return self.wait(school, run_id)

    def wait(self, school: SmallSchool, run_id: str) -> str:
        return self.airflow.wait(dag_of(school), run_id, PATIENCE)

    def report(self, school: SmallSchool, run_id: str) -> dict[str, Any]:
        folder = PurePosixPath("/opt/airflow/store") / school.id / run_name(run_id)
        report: dict[str, Any] = json.loads(
            self.compose("exec", "-T", "airflow-scheduler", "cat", f"{folder}/report.json")
        )
        return report

    def counts(self, school: SmallSchool, run_id: str) -> dict[str, int]:
        """Those of the report that are not zero."""
        return {name: number for name, number in self.report(school, run_id)["counts"].items() if number}

    def accounts(self, school: SmallSchool) -> list[dict[str, Any]]:
        """The accounts in the school's directory, over SCIM."""
        answer = self._directory(school, {"count": 1000})
        assert answer["totalResults"] == len(answer["Resources"])
        resources: list[dict[str, Any]] = answer["Resources"]
        return resources

    def number_of_accounts(self, school: SmallSchool) -> int:
        return int(self._directory(school, {"count": 0})["totalResults"])

    def _directory(self, school: SmallSchool, query: dict[str, int]) -> dict[str, Any]:
        address = self.compose("port", "schools", str(school.directory_port)).strip()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.get(f"http://{address}/scim/v2/Users", query, headers=headers, timeout=30)
        answer.raise_for_status()
        listed: dict[str, Any] = answer.json()
        return listed

    def mails(self, words: str) -> list[dict[str, Any]]:
        """The mails with these words in the subject."""
        api = f"http://127.0.0.1:{self.mail_port}/api/v1"
        listed = requests.get(f"{api}/messages", {"limit": 200}, timeout=30).json()["messages"]
        found = [mail["ID"] for mail in listed if words in mail["Subject"]]
        return [requests.get(f"{api}/message/{each}", timeout=30).json() for each in found]

    @staticmethod
    def page_of_docs(name: str) -> str:
        """The text of a page of the documentation."""
        return (ROOT / "docs" / f"{name}.md").read_text()

    def behind_nginx(self, folder: Path) -> AbstractContextManager[str]:
        """Airflow behind a real nginx with what docs/deploy.md says; the address of it.

        :param folder: for its files.
        """
        text = (ROOT / "docs" / "deploy.md").read_text()
        (site,) = re.findall(r"<!-- nginx -->\n```nginx\n(.*?)```", text, flags=re.DOTALL)
        without_tls = re.sub(r"^ +ssl_.*\n", "", site, flags=re.MULTILINE)
        return nginx(folder, without_tls.replace("127.0.0.1:8080", f"127.0.0.1:{self.airflow_port}"))

    def until(self, ready: Callable[[], Any], what: str) -> None:
        """Wait; what fails because a server is away is not ready yet."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if ready():
                    return
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
            time.sleep(0.3)

    def _write_files(self) -> None:
        shutil.copy(ROOT / "Makefile", self._folder)
        subprocess.run(["make", "env"], cwd=self._folder, check=True, stdout=subprocess.DEVNULL)
        with (self._folder / ".env").open("w") as env:
            env.write(f"AIRFLOW_PORT={self.airflow_port}\nMAIL_PORT={self.mail_port}\n")
            env.write(f"AIRFLOW_URL={self.url}\n")
            env.write(f"SCHOOLS_FOLDER={self._folder / 'schools'}\n")
            env.write(f"SECRETS_FOLDER={self._folder / 'secrets'}\n")
        demo = yaml.safe_load((ROOT / "include" / "sandbox" / "config" / "schools.yaml").read_text())["schools"]
        common = {"la": "823", "estab": "4321", "modules": ["timetable"], "username": "admission_number"}
        never = {"schedule": "0 4 29 2 *"}  # before 2028; the runs are the tests' own
        small = [{"id": each.id, "name": f"School {each.id}", **common, **never} for each in SCHOOLS]
        defaults = {"alert_emails": ["data-team@example.org"]}
        (self._folder / "schools").mkdir()
        config = yaml.safe_dump({"defaults": defaults, "schools": [*demo, *small]})
        (self._folder / "schools" / "schools.yaml").write_text(config)
        services = {f"airflow-{name}": {"environment": QUICK} for name in _AIRFLOW}
        further = {"services": {**services, "schools": self._schools()}}
        (self._folder / "tests.yaml").write_text(yaml.safe_dump(further))

    @staticmethod
    def _schools() -> dict[str, Any]:
        return {
            "image": "sims-student-sync",
            "volumes": [f"{ROOT / 'tests'}:/tests:ro"],
            "environment": {"PYTHONPATH": "/tests"},
            "secrets": ["postgres_password"],
            "entrypoint": ["dumb-init", "--", "python", "/tests/compose/serve_schools.py"],
            "ports": [f"127.0.0.1::{school.directory_port}" for school in SCHOOLS],
            "depends_on": {"postgres": {"condition": "service_healthy"}},
        }


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """The installation, up and well with its schools connected; removed at the end with its data."""
    installation = Installation(folder)
    installation.compose("down", "--volumes", "--timeout", "5")  # of a run that was broken off
    try:
        installation.compose("build", "airflow-init")
        installation.up()
        installation.connect_all()
        yield installation
    finally:
        installation.compose("down", "--volumes", "--timeout", "5")


@contextmanager
def nginx(folder: Path, site: str) -> Iterator[str]:
    """nginx with one site, on a port of loopback; its address.

    :param site: its configuration, with the port 443.
    """
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    server = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; events {{}} http {{ access_log off; {temporary} {server} }}"
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def dag_of(school: SmallSchool) -> str:
    return f"sims_student_sync__{school.id}"


def docker(*arguments: str) -> str:
    """Call docker; what it prints."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def _compose() -> list[str]:
    v2 = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True)
    return ["docker", "compose"] if v2.returncode == 0 else ["docker-compose"]
