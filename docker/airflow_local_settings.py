"""What every process of Airflow reads when it starts, in the image."""

import sys

if sys.argv[1:3] == ["celery", "worker"]:
    import sims_sync.airflow.preload  # noqa: F401
