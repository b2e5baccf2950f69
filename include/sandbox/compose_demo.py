"""``python -m sandbox.compose_demo`` (``make compose-demo``): two nights of the invented school on Celery workers.

Runs in a container beside those of docker-compose.yaml, profile ``sandbox``. It sets the connections as a person would,
and makes the runs of the last two ticks of the schedule, which the workers then carry out one after the other.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from sandbox.airflow_api import AirflowApi
from sandbox.demo_output import Output
from sandbox.nights import demo_school, follow_night

AIRFLOW = "http://airflow-apiserver:8080"
MAILS = "http://sandbox-mail:8025"
SECRETS = Path("/run/secrets")
READY_SECONDS = 300  # for Airflow, from the start of its API server


def connections(password: str) -> Mapping[str, Mapping[str, Any]]:
    """The connections to the sandbox of docker-compose.yaml, by id."""
    inside = {"password": password, "extra": '{"allow_http": true}'}  # the containers' own network
    sims = {"host": "http://sandbox-sims:8601/ThirdParty.svc", "login": "sync", **inside}
    directory = {"host": "http://sandbox-directory:8081/scim/v2", **inside}
    without_tls = '{"from_email": "sims-sync@example.org", "disable_ssl": true, "disable_tls": true}'
    mail = {"host": "sandbox-mail", "port": 1025, "extra": without_tls}
    return {
        "sims_green_abbey": {"conn_type": "sims", **sims},
        "directory_green_abbey": {"conn_type": "scim", **directory},
        "smtp_default": {"conn_type": "smtp", **mail},
    }


def main() -> int:
    """Run the demo; 0 when both nights succeeded."""
    output = Output(sys.stdout)
    try:
        return _run(output, os.environ)
    except requests.HTTPError as error:
        again = error.response.status_code == requests.codes.conflict
        output.failure("These nights have been already: `make compose-down` first." if again else str(error))
    except (TimeoutError, LookupError, requests.RequestException) as error:
        output.failure(str(error))
    return 1


def _run(output: Output, environment: Mapping[str, str]) -> int:
    school = demo_school()
    output.title(f"{school.name}: two nights of the sync on Celery workers")
    airflow = AirflowApi(AIRFLOW, "admin", _secret("admin_password"), alive=lambda: None)
    output.line("Waiting for Airflow: API server, scheduler, DAG processor, triggerer")
    _wait_until(airflow.healthy, "Airflow is well")
    _wait_until(lambda: airflow.has_dag(school.dag_id), f"the DAG {school.dag_id} is parsed")
    output.line("Setting the connections to SIMS, directory and mail server")
    for connection_id, fields in connections(_secret("sandbox_password")).items():
        airflow.connect(connection_id, **fields)

    # Both before the DAG is unpaused: Airflow would begin by itself with the newest tick.
    tick = airflow.next_tick(school.dag_id)
    ticks = {"First night": tick - timedelta(days=1), "Second night": tick}
    runs = {
        name: airflow.trigger(
            school.dag_id, run_id=name.lower().replace(" ", "-"), logical_date=logical_date, unpause=False
        )
        for name, logical_date in ticks.items()
    }
    airflow.unpause(school.dag_id)
    store = Path(environment["SIMS_SYNC_STORE"])
    succeeded = True
    for name, run_id in runs.items():
        output.title(f"{name}: the roll of {ticks[name].date()}")
        succeeded &= follow_night(airflow, store, school, run_id, output)
    _show_mails(output)
    output.where(
        {
            "Airflow": f"http://localhost:{environment['AIRFLOW_PORT']}   user admin, password: secrets/admin_password",
            "Mails": f"http://localhost:{environment['MAIL_PORT']}",
            "Stop": "make compose-down (removes all data of the demo)",
        }
    )
    return 0 if succeeded else 1


def _secret(name: str) -> str:
    return (SECRETS / name).read_text("ascii")


def _wait_until(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {READY_SECONDS} s: {what}. `docker compose logs` says why.")
        time.sleep(1)


def _show_mails(output: Output) -> None:
    """The mails that went out, the oldest first, as Mailpit has them."""
    listed = requests.get(f"{MAILS}/api/v1/messages", timeout=30).json()["messages"]
    output.title(f"Mails that went out: {len(listed)}")
    for mail in reversed(listed):
        text = requests.get(f"{MAILS}/api/v1/message/{mail['ID']}", timeout=30).json()["Text"]
        output.line(f"To {', '.join(to['Address'] for to in mail['To'])}: {mail['Subject']}")
        for line in text.strip().splitlines():
            output.line(f"  | {line}")


if __name__ == "__main__":
    sys.exit(main())
