# Airflow with the library, the DAGs and the plugins: one image for every service of docker-compose.yaml.
# A digest in .env pins it (docs/deploy.md).
ARG AIRFLOW_IMAGE=apache/airflow:3.3.2-python3.11
FROM ${AIRFLOW_IMAGE}

# Named volumes take the owner and the mode of the folder that they are mounted on.
RUN mkdir -p /opt/airflow/config /opt/airflow/project /opt/airflow/sandbox && mkdir -m 0700 /opt/airflow/store

# Airflow itself is pinned in the same call, so nothing moves it.
COPY --chown=airflow:0 requirements-server.txt /opt/airflow/project/
RUN pip install --no-cache-dir --quiet --require-hashes -r /opt/airflow/project/requirements-server.txt

COPY --chown=airflow:0 pyproject.toml requirements.in README.md LICENSE /opt/airflow/project/
COPY --chown=airflow:0 include /opt/airflow/project/include
RUN pip install --no-cache-dir --quiet --no-deps --no-build-isolation --editable /opt/airflow/project

COPY docker/airflow_local_settings.py docker/gateway.py /opt/airflow/config/
COPY dags /opt/airflow/dags
COPY plugins /opt/airflow/plugins

# What runs, the user that runs it cannot change; compiled, for nothing can be later.
USER root
RUN python -m compileall -q /opt/airflow/project /opt/airflow/dags /opt/airflow/plugins /opt/airflow/config \
    && chown -R root:0 /opt/airflow/project /opt/airflow/dags /opt/airflow/plugins /opt/airflow/config \
    && chmod -R go-w /opt/airflow/project /opt/airflow/dags /opt/airflow/plugins /opt/airflow/config
USER airflow
