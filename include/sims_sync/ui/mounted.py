"""What the plugin registers: the pages, and where they lie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


async def student_sync(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """The pages as an ASGI app, imported when the first page is asked for: every process of Airflow imports the
    plugin, each task's too, and the API server alone shows pages."""
    from sims_sync.ui.answering import AIRFLOW_APP
    from sims_sync.ui.app import app

    # Who mounts is Airflow's own app; the pages ask it in the name of their users.
    await app({**scope, AIRFLOW_APP: scope.get("app")}, receive, send)
