"""Headrace's registration with Airflow, found by its entry point and not by a folder scan."""

from airflow.plugins_manager import AirflowPlugin


class HeadracePlugin(AirflowPlugin):
    """What Airflow has to know of Headrace."""

    name = "headrace"
