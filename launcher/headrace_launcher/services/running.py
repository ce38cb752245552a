"""Reaching the services that run for a home: Airflow's API, and the pages."""

from headrace_launcher.errors import NotRunning
from headrace_launcher.services import stack
from headrace_launcher.services.airflow_api import AirflowApi
from headrace_launcher.services.secrets import USER, Secrets
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import StackState


def running_api(settings: Settings) -> AirflowApi:
    """A client of the Airflow that runs for this home.

    Raises:
        NotRunning: None does.
    """
    url = airflow_url(settings)
    if url is None:
        raise NotRunning(str(settings.home))
    return AirflowApi(url, USER, Secrets(settings.secrets).password())


def airflow_url(settings: Settings) -> str | None:
    """Where Airflow's page is; None when it does not run."""
    state = stack.running(settings)
    return service_url(state, "api-server") if state else None


def service_url(state: StackState, name: str) -> str | None:
    """Where a service's page is."""
    return next((service.url for service in state.services if service.name == name), None)
