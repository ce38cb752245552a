"""The wheel and plain pip are enough: an environment that works, with nothing of this one."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(3600)]

Run = Callable[..., str]


@pytest.fixture(scope="session")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of a new environment in which pip has installed the wheel."""
    folder = tmp_path_factory.mktemp("venv")
    environment = {
        name: value
        for name, value in os.environ.items()
        if "HEADRACE" not in name and not name.startswith(("PYTHON", "VIRTUAL_ENV", "SPARK"))
    }
    environment |= {"AIRFLOW_HOME": str(folder / "airflow")}

    def run(program: str | Path, *arguments: str, cwd: Path = folder) -> str:
        ended = subprocess.run(
            [folder / "bin" / program, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    run("pip", "install", "--no-input", f"{wheel}[all]")
    return run


def test_packages_fit_each_other_and_one_owns_spark(run: Run) -> None:
    assert "No broken requirements" in run("pip", "check")
    installed = {line.partition("==")[0] for line in run("pip", "freeze").splitlines()}
    assert "pyspark" in installed
    assert not {"pyspark-client", "apache-airflow-providers-apache-spark"} & installed


def test_client_and_server_of_spark_are_there(run: Run) -> None:
    run("python", "-c", "import pyspark.sql.connect.session, delta, xgboost, great_expectations")
    home = run("python", "-c", "import pyspark; print(pyspark.__path__[0])").strip()
    assert list(Path(home).glob("jars/spark-connect_*.jar"))


def test_airflow_takes_the_connection_types(run: Run) -> None:
    assert run("airflow", "version").strip().endswith("3.3.2")
    run("airflow", "db", "migrate")
    for name in ("spark", "spark_connect"):
        run("airflow", "connections", "add", f"my_{name}", "--conn-type", name, "--conn-host", "h")
        assert f'"conn_type": "{name}"' in run(
            "airflow", "connections", "get", f"my_{name}", "--output", "json"
        )


def test_project_is_set_up_where_no_checkout_is(run: Run, shop: Path) -> None:
    run("headrace", "setup", cwd=shop)
    assert (shop / ".headrace" / "jars" / "headrace-logstore.jar").is_file()
