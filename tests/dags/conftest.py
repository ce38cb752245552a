"""An Airflow home for the tests of the Dag files."""

import tests.own_airflow  # noqa: F401 - before Airflow
