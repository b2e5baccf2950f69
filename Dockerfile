# A first version: Airflow with the library, the DAGs and the plugins in the image.
FROM apache/airflow:3.3.2-python3.11

COPY --chown=airflow:0 requirements.txt requirements.in pyproject.toml README.md LICENSE /opt/airflow/project/
RUN pip install --no-cache-dir --require-hashes -r /opt/airflow/project/requirements.txt
COPY --chown=airflow:0 include /opt/airflow/project/include
RUN pip install --no-cache-dir --no-deps --no-build-isolation /opt/airflow/project
# A named volume takes the owner of the folder that it is mounted on.
RUN mkdir -m 0700 /opt/airflow/store
COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 plugins /opt/airflow/plugins
