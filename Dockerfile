# The two images of a deployment, for either builder of Docker:
#   docker build --target spark   --tag headrace/spark:0.1.0 .      Spark's services
#   docker build --target airflow --tag headrace/airflow:0.1.0 .    Airflow's services, and the drivers of jobs beside them
# `airflow` has the layers of `spark` below its own, so a host keeps what both need once. Everything is root's; the user
# headrace writes to /tmp and /var/lib/headrace, and the rest may be mounted read-only.
ARG BASE_IMAGE=python:3.12.14-slim-bookworm@sha256:0f5b26b9518d002b6173fd61daad821fa340635ebfec5bba471013f9ca114579
ARG UV_VERSION=0.13.9

# Java, and a user. Python's own modules are compiled: users of a read-only image cannot keep what they compile.
FROM ${BASE_IMAGE} AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless tini \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log \
    && ln -s "$(dirname "$(dirname "$(readlink -f /usr/bin/java)")")" /opt/java \
    && python -m compileall -q -x '/(site-packages|test|tests|idlelib|lib2to3)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && groupadd --gid 50000 headrace \
    && useradd --uid 50000 --gid headrace --create-home --shell /usr/sbin/nologin headrace \
    && install -d -o headrace -g headrace -m 0700 /var/lib/headrace
ENV JAVA_HOME=/opt/java \
    SPARK_HOME=/opt/spark \
    SPARK_CONF_DIR=/opt/headrace/deploy/spark \
    PYSPARK_PYTHON=/opt/headrace/.venv/bin/python \
    PYSPARK_DRIVER_PYTHON=/opt/headrace/.venv/bin/python \
    HEADRACE_JARS=/opt/headrace/jars \
    HEADRACE_PROJECT=/opt/headrace \
    PYTHONPATH=/opt/headrace/jobs \
    PATH=/opt/headrace/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    TZ=UTC
WORKDIR /opt/headrace
ENTRYPOINT ["/usr/bin/tini", "--"]

# What uv.lock says, and an editable install of the project: paths only, so that changed code changes nothing here. uv is
# gone before the layer ends. What the package describes itself with and writes into projects is not needed, and changes.
FROM runtime AS spark-environment
ARG UV_VERSION
COPY pyproject.toml uv.lock LICENSE ./
RUN touch README.md docker-compose.yml && mkdir deploy \
    && pip install --quiet --no-cache-dir --root-user-action ignore --target /tmp/uv "uv==${UV_VERSION}" \
    && /tmp/uv/bin/uv sync --frozen --no-default-groups --no-cache --no-python-downloads --quiet --extra spark \
    && rm -rf /tmp/uv* .venv/.lock \
    && ln -s "$(python -c 'import pyspark; print(pyspark.__path__[0])')" /opt/spark

FROM spark-environment AS airflow-environment
ARG UV_VERSION
RUN pip install --quiet --no-cache-dir --root-user-action ignore --target /tmp/uv "uv==${UV_VERSION}" \
    && /tmp/uv/bin/uv sync --frozen --no-default-groups --no-cache --no-python-downloads --quiet \
        --extra spark --extra airflow --extra cluster --extra launcher \
    && rm -rf /tmp/uv* .venv/.lock

# Fetched by the launcher, which `spark` has not.
FROM airflow-environment AS jars
COPY schemas/headrace_schemas schemas/headrace_schemas
COPY lake lake
COPY launcher launcher
RUN headrace jars place /opt/headrace/jars \
    && chmod -R a=rX,u+w /opt/headrace/jars

FROM runtime AS sources
COPY . .
# A checkout may be for its owner's eyes only. Compiled files are checked by content: a file mounted over one is believed.
RUN chmod -R a=rX,u+w . \
    && python -m compileall -q --invalidation-mode checked-hash dags jobs lake launcher plugins schemas deploy

FROM spark-environment AS spark
COPY --from=jars /opt/headrace/jars jars
COPY --from=sources /opt/headrace .
USER 50000:50000

FROM airflow-environment AS airflow
COPY --from=jars /opt/headrace/jars jars
COPY --from=sources /opt/headrace .
USER 50000:50000
