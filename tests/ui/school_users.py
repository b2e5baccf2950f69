"""Airflow's simple auth manager, with users who may read one school's DAG: with FAB that is a role, here a name."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

EDITOR, READER, OF_ONE_SCHOOL = "anna", "vera", "office"
ROLES = {EDITOR: "admin", READER: "viewer", OF_ONE_SCHOOL: "viewer"}
ITS_DAG = "sims_student_sync__green-abbey"


class SchoolUsers(SimpleAuthManager):
    """The user ``office`` may read one DAG; all others what their role says."""

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        if user.username == OF_ONE_SCHOOL and (details is None or details.id != ITS_DAG):
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
