"""All Airflow Dags of this project, from its declarations."""

from headrace_airflow.project_dags import project_dags

globals().update(project_dags(__file__))
