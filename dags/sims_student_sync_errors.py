"""Shows what is wrong in ``schools.yaml`` as an Airflow import error; the schools that are right have their DAGs.

A file of its own, because one error in the file of the DAGs would make every school's DAG stale. (Airflow looks only
into files that hold the words "airflow" and "dag".)
"""

from __future__ import annotations

from sims_sync.config.schools_file import ConfigError, load_schools

if errors := load_schools()[1]:
    raise ConfigError("\n".join(map(str, errors)))
