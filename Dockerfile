# Airflow with the library, the DAGs and the plugins: one image for every service of docker-compose.yaml.
FROM apache/airflow:3.3.2-python3.11

# Named volumes take the owner and the mode of the folder that they are mounted on.
RUN mkdir -p /opt/airflow/config /opt/airflow/project /opt/airflow/sandbox && mkdir -m 0700 /opt/airflow/store

# Airflow itself is pinned in the same call, so nothing moves it.
COPY --chown=airflow:0 requirements-server.txt /opt/airflow/project/
RUN pip install --no-cache-dir --quiet --require-hashes -r /opt/airflow/project/requirements-server.txt

COPY --chown=airflow:0 pyproject.toml requirements.in README.md LICENSE /opt/airflow/project/
COPY --chown=airflow:0 include /opt/airflow/project/include
RUN pip install --no-cache-dir --quiet --no-deps --no-build-isolation --editable /opt/airflow/project

COPY --chown=airflow:0 docker/airflow_local_settings.py /opt/airflow/config/
COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 plugins /opt/airflow/plugins
