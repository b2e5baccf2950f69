"""The only package that knows Airflow: what the DAG's tasks open, call and save.

The DAG processor imports it, so nothing heavy (pandas, pandera, zeep, ...) is imported at module level here.
"""
