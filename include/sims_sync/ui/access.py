"""Who may see what: Airflow's own login, and its own rights on each school's DAG."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends

User = Annotated[Any, Depends(get_user)]
"""Who asks; the request ends with 401 where nobody is logged in."""

MAY_READ = Depends(requires_access_dag("GET", DagAccessEntity.RUN))
"""The right to read the runs of the DAG in the path; else 403. It lets ids of DAGs pass that there are not."""


def readable(dag_ids: Collection[str], user: Any) -> set[str]:
    """Those of the DAGs whose runs the user may read."""
    return _allowed(dag_ids, user, "GET", DagAccessEntity.RUN)


def editable(dag_ids: Collection[str], user: Any) -> set[str]:
    """Those of the DAGs that the user may edit, and so may see values of their students."""
    return _allowed(dag_ids, user, "PUT", None)


def _allowed(
    dag_ids: Collection[str], user: Any, method: Literal["GET", "PUT"], entity: DagAccessEntity | None
) -> set[str]:
    teams = DagModel.get_dag_id_to_team_name_mapping(list(dag_ids))
    manager = get_auth_manager()
    return {
        dag_id
        for dag_id in dag_ids
        if manager.is_authorized_dag(
            method=method,
            access_entity=entity,
            details=DagDetails(id=dag_id, team_name=teams.get(dag_id)),
            user=user,
        )
    }


def may_edit(dag_id: str, user: Any) -> bool:
    """Whether the user may edit the DAG."""
    return bool(editable([dag_id], user))
