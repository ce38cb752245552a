"""The declared services stay on loopback and take nothing from another installation's settings."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from headrace_launcher.services.ports import LOOPBACK, PREFERRED
from headrace_launcher.services.processes import MARK
from headrace_launcher.services.services import Service, Stack, declare
from headrace_launcher.services.settings import SOCKET_PATH_LIMIT, Settings
from headrace_launcher.spark.java import Java
from headrace_launcher.spark.settings import configuration_folder, write_configuration

SHELL = {
    "PATH": "/bin",
    "AIRFLOW_HOME": "/other",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "SPARK_REMOTE": "sc://elsewhere",
    "SPARK_HOME": "/other/spark",
    "MLFLOW_TRACKING_URI": "http://elsewhere",
    "AIRFLOW_CONN_HEADRACE_SPARK": '{"conn_type": "spark", "host": "spark://big:7077"}',
}


def declared(settings: Settings, environ: Mapping[str, str]) -> dict[str, Service]:
    stack = Stack(settings, PREFERRED, Java(Path("/java"), 17), environ)
    return {service.name: service for service in declare(stack)}


def test_scheduler_is_stopped_first_so_that_its_tasks_do_not_fail(settings: Settings):
    assert list(declared(settings, SHELL))[-1] == "scheduler"


def test_every_service_is_marked_and_knows_its_home(settings: Settings):
    for service in declared(settings, SHELL).values():
        assert service.environment[MARK] == str(settings.home)
        assert service.environment["HEADRACE_HOME"] == str(settings.home)
        assert service.environment["JAVA_HOME"] == "/java"


def test_settings_of_another_installation_are_not_inherited(settings: Settings):
    services = declared(settings, SHELL)
    airflow = services["scheduler"].environment
    assert airflow["AIRFLOW_HOME"] == str(settings.airflow)
    assert airflow["AIRFLOW__CORE__EXECUTOR"] == "headrace_airflow.engine.executor.LocalExecutor"
    assert airflow["SPARK_HOME"] != "/other/spark"
    assert airflow["MLFLOW_TRACKING_URI"] == settings.registry
    for name, service in services.items():
        assert ("SPARK_REMOTE" in service.environment) == (name == "job-host")


def test_connection_of_the_user_wins(settings: Settings):
    airflow = declared(settings, SHELL)["scheduler"].environment
    assert json.loads(airflow["AIRFLOW_CONN_HEADRACE_SPARK"])["host"] == "spark://big:7077"
    assert json.loads(airflow["AIRFLOW_CONN_HEADRACE_CONNECT"])["port"] == PREFERRED.connect


def test_airflow_setting_is_overridden_by_a_headrace_variable(tmp_path: Path, settings: Settings):
    name = "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"
    default = declared(settings, SHELL)["scheduler"].environment[f"AIRFLOW__{name}"]
    changed = Settings.from_environment(
        {"HEADRACE_HOME": str(settings.home), f"HEADRACE_AIRFLOW__{name}": "20"}
    )
    assert default == "180"
    assert declared(changed, SHELL)["scheduler"].environment[f"AIRFLOW__{name}"] == "20"


def test_every_address_is_loopback(settings: Settings):
    services = declared(settings, SHELL)
    airflow = services["api-server"].environment
    assert airflow["AIRFLOW__API__HOST"] == LOOPBACK
    assert f"spark.connect.grpc.binding.address={LOOPBACK}" in services["connect"].command
    assert "--skip-serve-logs" in services["scheduler"].command
    assert "--skip-serve-logs" in services["triggerer"].command
    reported = services["scheduler"].environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert reported.startswith(f"http://{LOOPBACK}:{services['execution-api'].port}/")


def test_spark_finds_jars_and_sizes_in_its_configuration(tmp_path: Path):
    settings = Settings.from_environment(
        {
            "HEADRACE_HOME": str(tmp_path),
            "HEADRACE_SPARK_CORES": "3",
            "HEADRACE_SPARK_MEMORY": "5g",
        }
    )
    write_configuration(settings)
    text = (configuration_folder(settings) / "spark-defaults.conf").read_text()
    lines = dict(line.split(" ", 1) for line in text.splitlines())
    assert lines["spark.master"] == "local[3]"
    assert lines["spark.driver.memory"] == "5g"
    assert lines["spark.driver.extraClassPath"] == f"{tmp_path}/jars/*"
    assert int(lines["spark.sql.codegen.cache.maxEntries"]) > 100  # Spark's own default


@pytest.mark.parametrize("depth", [1, 12])
def test_socket_path_fits_the_kernel_s_limit(tmp_path: Path, depth: int):
    home = tmp_path.joinpath(*["a-rather-long-name"] * depth)
    settings = Settings.from_environment({"HEADRACE_HOME": str(home)})
    assert len(str(settings.job_host_socket)) <= SOCKET_PATH_LIMIT + len("job-host.sock")
    settings.create_directories()
    assert settings.job_host_socket.parent.stat().st_mode & 0o077 == 0
