"""The client of Airflow's API against a server that stumbles."""

import httpx
import pytest

from headrace_launcher.services.airflow_api import PAGE, READ_ATTEMPTS, AirflowApi
from headrace_schemas.errors import EngineUnavailable


class Stumbling:
    """Gives no answer `lost` times, then answers."""

    def __init__(self, lost: int) -> None:
        self.lost, self.asked = lost, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "token"})
        self.asked += 1
        if self.asked <= self.lost:
            raise httpx.ReadTimeout("no answer", request=request)
        return httpx.Response(
            200, json={"dags": [{"dag_id": "bronze.flights"}], "total_entries": 1}
        )


def api(server: Stumbling) -> AirflowApi:
    found = AirflowApi("http://localhost:1", "admin", "word")
    found.client = httpx.Client(base_url=found.url, transport=httpx.MockTransport(server))
    return found


def test_question_is_asked_again_when_an_answer_is_lost():
    server = Stumbling(lost=READ_ATTEMPTS - 1)
    assert api(server).dag_ids() == {"bronze.flights"}


def test_error_names_airflow_when_no_answer_comes():
    with pytest.raises(EngineUnavailable, match="Airflow at http://localhost:1: ReadTimeout"):
        api(Stumbling(lost=READ_ATTEMPTS)).dag_ids()


def test_nothing_is_triggered_twice_when_the_answer_is_lost():
    server = Stumbling(lost=1)
    with pytest.raises(EngineUnavailable):
        api(server).trigger("bronze.flights", "2013-01")
    assert server.asked == 1


def test_list_is_read_whole_when_it_has_more_than_a_page():
    names = [f"bronze.t{number:03}" for number in range(2 * PAGE + 1)]

    def paged(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "token"})
        first, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        page = names[first : first + min(limit, PAGE)]
        dags = [{"dag_id": name} for name in page]
        return httpx.Response(200, json={"dags": dags, "total_entries": len(names)})

    assert api(paged).dag_ids() == set(names)
