"""What Airflow's Helm chart is given: keys that it has, secrets by their names alone, and the project's names."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from headrace_launcher.project.deployment import kubernetes_deployment, write_deployment
from headrace_schemas.accounts import Account, keys_file
from headrace_schemas.project import Project
from headrace_schemas.settings import SETTINGS

CHECKOUT = Path(__file__).parents[2]
SCHEMA = Path(__file__).with_name("airflow_chart_1.22.0.schema.json")
VALUES = "deploy/kubernetes/values.yaml"

TABLE = """\
[tool.headrace]
name = "shop"
requires = ">=0.0.1"
dags = "airflow/dags"
packages = ["jobs", "lib"]
"""

LONG_RUNNING = ("scheduler", "apiServer", "dagProcessor", "triggerer")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text(TABLE)
    return Project.read(tmp_path, {})


@pytest.fixture
def values(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(kubernetes_deployment(project)[VALUES])
    return found


def errors(values: dict[str, Any]) -> list[str]:
    checked = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    return [error.message for error in checked.iter_errors(values)]


def test_values_are_the_chart_s_when_its_schema_checks_them(values: dict[str, Any]) -> None:
    assert errors(values) == []
    assert errors({**values, "schedulerr": {}}) != []
    assert errors({**values, "scheduler": {**values["scheduler"], "volumes": []}}) != []
    assert errors({**values, "executor": "local"}) != []


def test_values_have_the_project_s_name_and_folders(values: dict[str, Any]) -> None:
    own = version("headrace")
    assert values["images"]["airflow"] == {"repository": "shop/airflow", "tag": own}
    assert values["config"]["core"]["dags_folder"] == "/opt/headrace/airflow/dags"
    conf = spark(values)["extra"]["conf"]
    assert conf["spark.kubernetes.container.image"] == f"shop/spark:{own}"
    assert conf["spark.kubernetes.namespace"] == "shop"


def spark(values: dict[str, Any]) -> dict[str, Any]:
    """The connection to Spark."""
    (text,) = [
        one["value"]
        for one in values["scheduler"]["env"]
        if one["name"] == "AIRFLOW_CONN_HEADRACE_SPARK"
    ]
    found: dict[str, Any] = json.loads(text)
    return found


def test_no_value_is_a_secret(values: dict[str, Any]) -> None:
    named = [*values["env"], *values["scheduler"]["env"]]
    named += [*values["createUserJob"]["env"], *values["migrateDatabaseJob"]["env"]]
    secrets = {one["name"] for one in named if "valueFrom" in one}
    assert secrets == {"HEADRACE_REGISTRY_PASSWORD", "HEADRACE_ADMIN_PASSWORD"}
    plain = {one["name"] for one in named if "value" in one}
    assert not {one.name for one in SETTINGS if one.is_secret} & plain
    assert not {name for name in plain if re.search("PASSWORD|TOKEN|SECRET|_KEY", name)}
    assert not any(re.search(r"://\w*:\w+@", one.get("value", "")) for one in named)


def test_settings_are_ones_that_headrace_reads(values: dict[str, Any]) -> None:
    given = {
        one["name"]
        for one in (*values["env"], *values["scheduler"]["env"])
        if one["name"].startswith("HEADRACE_")
    }
    assert given <= {one.name for one in SETTINGS}


def test_every_account_s_keys_are_the_scheduler_s_alone(values: dict[str, Any]) -> None:
    (mounted,) = [
        one["mountPath"]
        for one in values["scheduler"]["extraVolumeMounts"]
        if one["name"] == "accounts"
    ]
    given = {one["name"]: one.get("value") for one in values["scheduler"]["env"]}
    assert given["HEADRACE_S3_ACCOUNTS"] == mounted
    airflow = keys_file(Path(mounted), Account.AIRFLOW)
    assert {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": str(airflow)} in values["env"]
    for component in ("apiServer", "triggerer"):
        (account,) = [one for one in values[component]["extraVolumes"] if one["name"] == "account"]
        assert account["secret"]["items"] == [{"key": airflow.name, "path": airflow.name}]
    assert "headrace-accounts" not in json.dumps(values["dagProcessor"])


def test_pods_are_not_root_and_have_limits(values: dict[str, Any], project: Project) -> None:
    template = yaml.safe_load(kubernetes_deployment(project)["deploy/kubernetes/executor.yaml"])
    pod = template["spec"]
    for context in (values["securityContexts"]["pod"], pod["securityContext"]):
        assert context["runAsNonRoot"]
        assert context["runAsUser"] == 50000
    for context in (
        values["securityContexts"]["containers"],
        pod["containers"][0]["securityContext"],
    ):
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
    for component in (*LONG_RUNNING, "migrateDatabaseJob", "createUserJob"):
        assert {"cpu", "memory"} <= values[component]["resources"]["limits"].keys()


def test_what_the_values_name_is_written(values: dict[str, Any], project: Project) -> None:
    write_deployment(kubernetes_deployment(project), project.root)
    assert not (project.root / "docker-compose.yml").exists()
    text = (project.root / VALUES).read_text()
    text += (project.root / "deploy/kubernetes/executor.yaml").read_text()
    named = set(re.findall(r"/opt/headrace/(deploy/[\w./-]+)", text))
    assert len(named) == 3
    for path in named:
        assert (project.root / path).exists(), path
    objects = list(
        yaml.safe_load_all((project.root / "deploy/kubernetes/objects.yaml").read_text())
    )
    made = {(one["kind"], one["metadata"]["name"]) for one in objects}
    assert ("ServiceAccount", values["scheduler"]["serviceAccount"]["name"]) in made
    (home,) = [one for one in values["scheduler"]["extraVolumes"] if one["name"] == "home"]
    assert ("PersistentVolumeClaim", home["persistentVolumeClaim"]["claimName"]) in made


def test_executor_s_java_gets_what_spark_hands_over(tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    java.chmod(0o755)
    given = {
        "JAVA_HOME": str(tmp_path),
        "SPARK_HOME": "/opt/spark",
        "SPARK_CONF_DIR": "/conf",
        "SPARK_CLASSPATH": "/opt/headrace/jars/*",
        "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@10.0.0.1:7078",
        "SPARK_EXECUTOR_ID": "1",
        "SPARK_EXECUTOR_CORES": "2",
        "SPARK_EXECUTOR_MEMORY": "1024m",
        "SPARK_APPLICATION_ID": "spark-1",
        "SPARK_EXECUTOR_POD_IP": "10.0.0.2",
        "SPARK_EXECUTOR_POD_NAME": "exec-1",
        "SPARK_RESOURCE_PROFILE_ID": "0",
        **{f"SPARK_JAVA_OPT_{number}": f"-Dnumber={number} of 11" for number in range(11)},
    }
    done = subprocess.run(
        [CHECKOUT / "deploy/kubernetes/executor", "executor"],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=True,
    )
    arguments = json.loads(done.stdout)
    assert arguments[:11] == [f"-Dnumber={number} of 11" for number in range(11)]
    assert arguments[11:16] == [
        "-Xms1024m",
        "-Xmx1024m",
        "-cp",
        "/conf:/opt/headrace/jars/*:/opt/spark/jars/*",
        "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
    ]
    options = dict(zip(arguments[16::2], arguments[17::2], strict=True))
    assert options == {
        "--driver-url": given["SPARK_DRIVER_URL"],
        "--executor-id": "1",
        "--cores": "2",
        "--app-id": "spark-1",
        "--hostname": "10.0.0.2",
        "--resourceProfileId": "0",
        "--podName": "exec-1",
    }


def test_command_names_what_it_wrote_and_what_comes_next(project: Project) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "headrace_launcher", "deploy", "kubernetes"],
        cwd=project.root,
        env={name: value for name, value in os.environ.items() if name != "HEADRACE_PROJECT"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert str(project.root / VALUES) in lines
    assert "helm upgrade --install" in lines[-1]
