"""The DAG of a school, which ``airflow dags test`` can run, too."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG


class SchoolDag(DAG):
    """A DAG whose deadline is for the scheduler's runs alone."""

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """Run the DAG in this process, as ``airflow dags test`` does, without its deadline.

        With one, Airflow 3.3.2 runs every task and then fails (apache/airflow#73428). The DAG that it writes into its
        database meanwhile is another object, parsed anew, and keeps the deadline.
        """
        self.deadline = None
        return super().test(*args, **kwargs)
