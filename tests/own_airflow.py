"""Gives the tests an Airflow home of their own; imported before anything imports Airflow."""

import atexit
import os
import shutil
import tempfile

HOME = tempfile.mkdtemp(prefix="headrace-airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

os.environ.update(
    {
        "AIRFLOW_HOME": HOME,
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": f"{HOME}/dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": f"{HOME}/plugins",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    }
)
