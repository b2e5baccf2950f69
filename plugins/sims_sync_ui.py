"""Registers the pages of the student sync in Airflow's UI; what they show is in ``sims_sync.ui``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from sims_sync.ui import PREFIX
from sims_sync.ui.mounted import student_sync


class StudentSyncPages(AirflowPlugin):
    """The navigation's Student sync, and the tabs of that name of each DAG and run."""

    name = "student_sync_pages"
    fastapi_apps = [{"name": "Student sync", "app": student_sync, "url_prefix": PREFIX}]  # noqa: RUF012 - Airflow's own way
    external_views = [  # noqa: RUF012
        {
            "name": "Students",  # Airflow cuts what is longer
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": "student-sync-schools",
            "nav_top_level": True,
        },
        {
            "name": "Student sync",
            "href": f"{PREFIX}/dags/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "student-sync",
        },
        {
            "name": "Student sync",
            "href": f"{PREFIX}/dags/{{DAG_ID}}/runs/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "student-sync-run",
        },
    ]
