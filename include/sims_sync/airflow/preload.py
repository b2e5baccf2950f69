"""Imports what tasks import, for a process that forks for each task: what it has imported, no task imports again.

Such are a Celery worker, and the scheduler with the LocalExecutor. Airflow's ``airflow_local_settings.py`` is where to
import this module.
"""

# ruff: noqa: F401

import airflow.providers.http.hooks.http

import sims_sync.night.applying
import sims_sync.night.news
import sims_sync.sources.sims.client
