"""The exact spark-submit commands for masters that no test can run: what docs/how-to/deploy.md promises."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk import Connection

from headrace_airflow.engine import job_starters
from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.engine.job_starters import submit_command
from headrace_airflow.settings import DeploymentSettings, submitted_program

CHECKOUT = Path(__file__).parents[2]

ALWAYS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.delta.logStore.s3a.impl": "headrace.ConditionalS3LogStore",
    "spark.ui.showConsoleProgress": "false",
}

KUBERNETES = {
    "spark.kubernetes.container.image": "registry.example/headrace/spark:0.1.0",
    "spark.kubernetes.namespace": "headrace",
    "spark.kubernetes.authenticate.driver.serviceAccountName": "spark",
    "spark.kubernetes.executor.secretKeyRef.AWS_ACCESS_KEY_ID": "lake:access-key",
    "spark.kubernetes.executor.secretKeyRef.AWS_SECRET_ACCESS_KEY": "lake:secret-key",
    "spark.driver.host": "airflow-worker.headrace.svc",
    "spark.driver.port": "7078",
    "spark.executor.instances": "8",
    "spark.executor.cores": "4",
}

YARN = {
    "spark.archives": "hdfs:///headrace/environment.tar.gz#environment",
    "spark.pyspark.python": "./environment/bin/python",
    "spark.executor.instances": "8",
    "spark.executor.cores": "4",
}


@pytest.mark.parametrize(
    ("connection", "start", "conf"),
    [
        (
            {"host": "spark://spark-master", "port": 7077, "extra": {"has-jars": True}},
            ["--master", "spark://spark-master:7077", "--deploy-mode", "client", "--name", "job-1"],
            {},
        ),
        (
            {
                "host": "k8s://https://kubernetes.default.svc",
                "port": None,
                "extra": {"has-jars": True, "conf": KUBERNETES},
            },
            [
                "--master",
                "k8s://https://kubernetes.default.svc",
                "--deploy-mode",
                "client",
                "--name",
                "job-1",
            ],
            KUBERNETES,
        ),
        (
            {"host": "yarn", "port": None, "extra": {"queue": "night", "conf": YARN}},
            [
                "--master",
                "yarn",
                "--deploy-mode",
                "client",
                "--name",
                "job-1",
                "--queue",
                "night",
                "--jars",
                "{jars}/a.jar,{jars}/headrace-logstore.jar",
            ],
            YARN,
        ),
    ],
    ids=["standalone", "kubernetes", "yarn"],
)
def test_the_command_is_this_one(
    connection: dict[str, Any],
    start: list[str],
    conf: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jars = tmp_path / "jars"
    jars.mkdir()
    for name in ("a.jar", "headrace-logstore.jar"):
        (jars / name).touch()
    monkeypatch.setenv("HEADRACE_JARS", str(jars))
    monkeypatch.setattr(job_starters, "spark_submit", lambda: "spark-submit")
    found = SimpleNamespace(
        conn_type="spark",
        host=connection["host"],
        port=connection["port"],
        extra_dejson=connection["extra"],
    )
    monkeypatch.setattr(Connection, "get", lambda _: found)
    directory = JobDirectory.create(tmp_path / "job-1", "{}")

    command = submit_command(directory, DeploymentSettings.current(), {"spark.task.cpus": "1"})

    at = command.index("--conf")
    assert command[:at] == ["spark-submit", *[word.format(jars=jars) for word in start]]
    assert command[-4:] == [str(submitted_program()), "run", "--job-dir", str(directory.path)]
    pairs = command[at:-4]
    assert set(pairs[::2]) == {"--conf"}
    given = dict(one.split("=", 1) for one in pairs[1::2])
    s3 = {key for key in given if key.startswith("spark.hadoop.fs.s3a.")}
    assert {key: given[key] for key in given.keys() - s3} == {
        **ALWAYS,
        **conf,
        "spark.task.cpus": "1",
    }


def test_values_for_kubernetes_make_a_command_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a chart's pod has the connection: in its environment."""
    values = yaml.safe_load((CHECKOUT / "deploy/kubernetes/values.yaml").read_text())
    for one in values["scheduler"]["env"]:
        if one["name"].startswith("AIRFLOW_CONN_"):
            monkeypatch.setenv(one["name"], one["value"])
    monkeypatch.setattr(job_starters, "spark_submit", lambda: "spark-submit")
    directory = JobDirectory.create(tmp_path / "job-1", "{}")
    command = submit_command(directory, DeploymentSettings.current(), {})
    assert command[1:3] == ["--master", "k8s://https://kubernetes.default.svc"]
    assert "--jars" not in command
    template = "/opt/headrace/deploy/kubernetes/executor.yaml"
    assert f"spark.kubernetes.executor.podTemplateFile={template}" in command


def test_a_secret_s_name_may_stand_on_the_command_line_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_starters.refuse_secrets(KUBERNETES)
    for key in ("spark.hadoop.fs.s3a.access.key", "spark.kubernetes.secretKeyRefs", "spark.token"):
        with pytest.raises(job_starters.ConnectionInvalid, match="on the command line"):
            job_starters.refuse_secrets({key: "x"})
