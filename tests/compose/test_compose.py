"""docker-compose.yaml for real: nights on Celery workers, and what is left when a container dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from installation import WORKERS, Installation, dag_of, docker, installed
from serve_schools import DATABASE_DOWN, HELD, REDIS_DOWN, REFUSED, SCHEDULER_KILLED, SHARED, WORKER_KILLED, SmallSchool

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

RUN = "tonight"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("site")) as site:
        yield site


def begin_and_wait_until_a_part_is_written(site: Installation, school: SmallSchool) -> None:
    site.airflow.trigger(dag_of(school), run_id=RUN)
    site.until(lambda: site.number_of_accounts(school) > len(school.on_roll) * 0.3, "load has written a part")
    assert site.number_of_accounts(school) < len(school.on_roll)


def assert_every_student_was_written_once(site: Installation, school: SmallSchool) -> None:
    accounts = site.accounts(school)
    assert sorted(int(account["externalId"]) for account in accounts) == list(school.on_roll)
    assert {account["meta"]["version"] for account in accounts} == {'W/"1"'}
    report = site.report(school, RUN)
    assert report["outcome"] == "success"
    assert sum(report["counts"][name] for name in ("created", "unchanged")) == len(school.on_roll)


@pytest.fixture(scope="module")
def killed_worker(site: Installation) -> str:
    """A worker that was killed in the middle of `load`. Meanwhile the other one has its work; its end is a test below.

    It takes two minutes: until Airflow misses the task's signs of life, and until the school's lease is over.
    """
    begin_and_wait_until_a_part_is_written(site, WORKER_KILLED)
    worker: str = site.airflow.task(dag_of(WORKER_KILLED), RUN, "load")["hostname"]
    docker("kill", worker)
    return worker


def test_two_nights_of_the_demo_school_from_nothing(site: Installation) -> None:
    shown = site.compose("run", "--rm", "sandbox-nights")
    assert shown.count("Outcome: success") == 2, shown
    assert "Mails that went out" in shown
    assert "records to correct" in shown
    assert len(site.mails("Green Abbey School")) == 2


def test_ten_schools_are_shared_by_two_workers(site: Installation) -> None:
    for school in SHARED:
        site.airflow.trigger(dag_of(school), run_id=RUN)
    assert {school.id: site.wait(school, RUN) for school in SHARED} == dict.fromkeys(
        (school.id for school in SHARED), "success"
    )
    for school in SHARED:
        assert site.counts(school, RUN) == {"extracted": 40, "created": 40}
        assert_every_student_was_written_once(site, school)
    tasks = [task for school in SHARED for task in site.airflow.tasks(dag_of(school), RUN)]
    # Tasks that were skipped, or ended in the scheduler, have no worker.
    assert len({task["hostname"] for task in tasks} - {""}) == WORKERS


def test_a_held_first_night_on_accounts_is_approved_over_the_rest_api(site: Installation, killed_worker: str) -> None:
    site.airflow.trigger(dag_of(HELD), run_id=RUN)
    site.until(
        lambda: site.airflow.task_states(dag_of(HELD), RUN).get("approve") == "awaiting_input",
        "the plan is held",
    )
    assert {account["active"] for account in site.accounts(HELD)} == {True}
    (mail,) = site.mails("School held")
    assert f"/dags/{dag_of(HELD)}/runs/{RUN}/tasks/approve/required_actions" in mail["Text"]
    asked = site.airflow.question(dag_of(HELD), RUN, "approve")["body"]
    assert "the directory has 20 student accounts already: 12 of them have the Person ID" in asked
    assert "8 of 20 active student accounts would be disabled" in asked
    time.sleep(3)  # Airflow 3.3 fails a task that is answered before its scheduler has noticed that it waits
    site.airflow.answer(dag_of(HELD), RUN, "approve", "Approve all")
    assert site.wait(HELD, RUN) == "success"
    active = {int(account["externalId"]) for account in site.accounts(HELD) if account["active"]}
    assert active == set(HELD.on_roll)


def test_a_failure_is_mailed(site: Installation, killed_worker: str) -> None:
    site.connect(REFUSED, password="wrong")
    assert site.night(REFUSED, RUN) == "failed"
    (mail,) = site.mails("School refused")
    assert "SIMS" in mail["Text"]
    assert mail["HTML"]
    assert [to["Address"] for to in mail["To"]] == ["data-team@example.org"]
    site.connect(REFUSED)


def test_a_role_of_one_school_sees_that_school_alone(site: Installation) -> None:
    site.as_documented("one school")
    login = ("office", "invented")
    names = ["--firstname", "School", "--lastname", "Office", "--email", "office@example.org"]
    account = ["--role", "green-abbey", "--username", login[0], "--password", login[1], *names]
    site.compose("exec", "-T", "airflow-apiserver", "airflow", "users", "create", *account)
    seen = site.page("/api/v2/dags", *login).json()["dags"]
    assert [dag["dag_id"] for dag in seen] == ["sims_student_sync__green-abbey"]
    schools = site.page("/student-sync/", *login).text
    assert "Green Abbey School" in schools
    assert "School shared-01" not in schools
    assert "School shared-01" in site.page("/student-sync/", "admin", site.secrets["admin_password"]).text
    for school, status in {"green-abbey": 200, "shared-01": 403}.items():
        assert site.page(f"/student-sync/dags/sims_student_sync__{school}", *login).status_code == status
        assert site.page(f"/api/v2/dags/sims_student_sync__{school}/dagRuns", *login).status_code == status


ROLES = {"Viewer": "no", "User": "yes", "Op": "yes", "Admin": "yes", "green-abbey": "no"}


def test_each_role_sees_the_values_of_pupils_or_not_as_the_page_on_privacy_says(site: Installation) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| .+? \| .+? \| (yes|no) \|", site.page_of_docs("privacy"), re.MULTILINE)
    assert dict(rows) == ROLES
    address = f"/student-sync/dags/{dag_of(SHARED[0])}/students/{SHARED[0].on_roll[0]}"
    for role in ("Viewer", "User", "Op"):
        login = (role.casefold(), "invented")
        names = ["--firstname", role, "--lastname", "Example", "--email", f"{login[0]}@example.org"]
        account = ["--role", role, "--username", login[0], "--password", login[1], *names]
        site.compose("exec", "-T", "airflow-apiserver", "airflow", "users", "create", *account)
        assert ("Zebedee" in site.page(address, *login).text) is (ROLES[role] == "yes")
    assert "Zebedee" in site.page(address, "admin", site.secrets["admin_password"]).text


def test_what_is_held_of_one_person_is_given_out_by_a_command_in_a_container(site: Installation) -> None:
    person = str(SHARED[0].on_roll[0])
    command = ["airflow", "sims-sync", "access", "--school", SHARED[0].id, "--person-id", person]
    given = json.loads(site.compose("exec", "-T", "airflow-scheduler", *command))
    assert "Zebedee" in json.dumps(given["schools"][SHARED[0].id]["files"])


def test_a_worker_that_is_killed_in_the_middle_of_load(site: Installation, killed_worker: str) -> None:
    assert site.wait(WORKER_KILLED, RUN) == "success"
    load = site.airflow.task(dag_of(WORKER_KILLED), RUN, "load")
    assert load["try_number"] > 1
    assert load["hostname"] != killed_worker
    assert_every_student_was_written_once(site, WORKER_KILLED)
    docker("start", killed_worker)


def test_a_scheduler_that_is_killed_in_the_middle_of_load(site: Installation) -> None:
    begin_and_wait_until_a_part_is_written(site, SCHEDULER_KILLED)
    docker("kill", *site.containers("airflow-scheduler"))
    site.until(
        lambda: site.airflow.task(dag_of(SCHEDULER_KILLED), RUN, "load")["state"] == "success", "load ends without it"
    )
    site.up()
    assert site.wait(SCHEDULER_KILLED, RUN) == "success"
    assert_every_student_was_written_once(site, SCHEDULER_KILLED)


def test_postgres_is_away_for_20_seconds_in_the_middle_of_load(site: Installation) -> None:
    begin_and_wait_until_a_part_is_written(site, DATABASE_DOWN)
    (postgres,) = site.containers("postgres")
    docker("kill", postgres)
    time.sleep(20)
    docker("start", postgres)
    site.until(site.airflow.healthy, "Airflow is well again")
    assert site.wait(DATABASE_DOWN, RUN) == "success"
    assert_every_student_was_written_once(site, DATABASE_DOWN)


def test_redis_is_killed_in_the_middle_of_load(site: Installation) -> None:
    begin_and_wait_until_a_part_is_written(site, REDIS_DOWN)
    (redis,) = site.containers("redis")
    docker("kill", redis)
    time.sleep(5)
    docker("start", redis)
    assert site.wait(REDIS_DOWN, RUN) == "success"
    assert_every_student_was_written_once(site, REDIS_DOWN)


def test_a_process_that_crashes_starts_again_by_itself(site: Installation) -> None:
    (scheduler,) = site.containers("airflow-scheduler")
    started = docker("inspect", "--format", "{{.RestartCount}}", scheduler)
    site.compose("exec", "-T", "airflow-scheduler", "bash", "-c", "kill -9 -1", check=False)
    site.until(
        lambda: docker("inspect", "--format", "{{.RestartCount}}", scheduler) > started, "the scheduler is started"
    )
    health = ["inspect", "--format", "{{.State.Health.Status}}", scheduler]
    site.until(lambda: docker(*health).strip() == "healthy", "the scheduler is well again")


def test_no_personal_data_is_in_the_logs(site: Installation) -> None:
    tasks = site.compose("exec", "-T", "airflow-worker", "find", "/opt/airflow/logs", "-name", "*.log").split()
    assert len(tasks) > 8 * len(SHARED)
    search = ["grep", "-rlE", "Quillfeather|Zebedee", "/opt/airflow/logs"]
    assert site.compose("exec", "-T", "airflow-worker", *search, check=False) == ""
    leaks = [
        line.partition("|")[0] for line in site.compose("logs", "--no-color").splitlines() if "Quillfeather" in line
    ]
    assert leaks == []  # the names of the containers


def assert_history_marks_and_connections_are_there(site: Installation, school: SmallSchool, run_id: str) -> None:
    assert site.airflow.runs(dag_of(school))[RUN] == "success"
    assert site.night(school, run_id, effective_date="2026-01-05") == "success"
    assert site.report(school, run_id)["outcome"] == "superseded"  # by what the mark says


def test_a_restart_of_everything_keeps_history_marks_and_connections(site: Installation) -> None:
    site.compose("down", "--timeout", "20")  # the containers, not the volumes
    assert not site.containers()
    site.up()
    assert_history_marks_and_connections_are_there(site, SHARED[0], "after-restart")


def test_a_backup_is_restored_where_nothing_is(site: Installation) -> None:
    site.as_documented("backup")
    site.compose("down", "--volumes", "--timeout", "5")
    site.as_documented("restore")
    site.up()
    assert_history_marks_and_connections_are_there(site, SHARED[1], "after-restore")


def test_only_loopback_ports_are_open(site: Installation) -> None:
    published = [
        binding["HostIp"]
        for container in site.containers()
        for bindings in json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", container)).values()
        for binding in bindings or []
    ]
    assert len(published) >= 2
    assert set(published) == {"127.0.0.1"}


def test_nothing_runs_as_root(site: Installation) -> None:
    for container in site.containers():
        if docker("inspect", "--format", "{{.State.Running}}", container).strip() == "true":
            rows = docker("top", container, "-eo", "uid,pid,args").splitlines()[1:]
            assert rows
            assert [row for row in rows if row.split()[0] == "0"] == []


def test_no_secret_is_in_an_environment_or_a_command_of_a_container(site: Installation) -> None:
    for container in site.compose("ps", "--quiet", "--all").split() or site.containers():
        told = docker("inspect", container)
        assert [name for name, value in site.secrets.items() if value in told] == []


CONFINED = ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker",
            "postgres", "redis", "sandbox-sims", "sandbox-directory", "sandbox-mail")  # fmt: skip


@pytest.mark.parametrize("service", CONFINED)
def test_a_container_has_no_capability_and_cannot_write_to_its_image(site: Installation, service: str) -> None:
    container = site.containers(service)[0]
    status = docker("exec", container, "cat", "/proc/1/status")
    rights = dict(line.split(":\t", 1) for line in status.splitlines() if line.startswith(("Cap", "NoNewPrivs")))
    assert {int(rights[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert rights["NoNewPrivs"] == "1"
    tried = ["docker", "exec", "--user", "0", container, "touch", "/etc/here"]
    assert "Read-only file system" in subprocess.run(tried, check=False, capture_output=True, text=True).stderr


@pytest.mark.parametrize(
    "folder", ["dags", "plugins", "config", "project/include/sims_sync", "project/include/sandbox/sims"]
)
def test_the_user_that_runs_the_code_cannot_change_it(site: Installation, folder: str) -> None:
    """Not even where the file system could be written to."""
    tried = ["docker", "run", "--rm", "--entrypoint", "touch", "sims-student-sync", f"/opt/airflow/{folder}/here"]
    assert "Permission denied" in subprocess.run(tried, check=False, capture_output=True, text=True).stderr


FORGED = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(25)]


@pytest.mark.skipif(
    shutil.which("nginx") is None and "CI" not in os.environ, reason="there is no nginx (apt-get install nginx-light)"
)
def test_the_limit_of_logins_counts_who_asks_and_not_who_they_say_they_are(site: Installation, tmp_path: Path) -> None:
    def by_the_form(url: str, headers: dict[str, str]) -> int:
        session = requests.Session()
        form = session.get(f"{url}/auth/login/", headers=headers, timeout=30)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form.text)
        assert found
        login = {"username": "admin", "password": "wrong", "csrf_token": found[1]}
        answer = session.post(f"{url}/auth/login/", login, headers=headers, timeout=30, allow_redirects=False)
        return answer.status_code

    def for_a_token(url: str, headers: dict[str, str]) -> int:
        login = {"username": "admin", "password": "wrong"}
        return requests.post(f"{url}/auth/token", json=login, headers=headers, timeout=30).status_code

    with site.behind_nginx(tmp_path) as url:
        site.until(lambda: requests.get(url, timeout=5).ok, "nginx answers")
        for wrong_login in (by_the_form, for_a_token):
            answers = [wrong_login(url, headers) for headers in FORGED]
            assert answers.count(429) >= 15
            assert answers[0] != 429


def test_no_secret_is_in_the_image(site: Installation) -> None:
    built = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", "sims-student-sync")
    kept = docker("inspect", "--format", "{{json .Config}}", "sims-student-sync")
    assert not [name for name, value in site.secrets.items() if value in built + kept]
    search = ["find", "/opt/airflow", "-name", ".env*", "-o", "-name", "*.sqlite"]
    assert docker("run", "--rm", "--entrypoint", search[0], "sims-student-sync", *search[1:]).split() == []
