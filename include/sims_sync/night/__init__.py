"""A night of a school, stage by stage, without Airflow: each stage is handed what opens the source and the
directory."""
