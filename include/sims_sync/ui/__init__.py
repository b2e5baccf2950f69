"""The product's pages in Airflow's UI: which school needs us, why, and what to do, without opening a log."""

PREFIX = "/student-sync"
"""Where the pages lie under Airflow's own address."""
