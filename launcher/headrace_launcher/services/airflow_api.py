"""The part of Airflow's public REST API that a replay needs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx

from headrace_schemas.errors import EngineUnavailable, HeadraceError

ENDED = frozenset({"success", "failed"})
READ_ATTEMPTS = 3
"""A replay runs for a quarter of an hour and asks every second: one lost answer must not end it."""


class RunFailed(HeadraceError):
    """A DAG run that ended in failure."""

    def __init__(self, dag_id: str, run_id: str, task: str | None, page: str) -> None:
        at = f" at task {task}" if task else ""
        super().__init__(
            f"{dag_id}: run {run_id} failed{at}. Its log: {page}",
            dag_id=dag_id,
            run_id=run_id,
            task=task,
        )


class RequestRefused(HeadraceError):
    """Airflow answered a request with an error."""

    def __init__(self, request: str, status: int, answer: str) -> None:
        super().__init__(
            f"Airflow refused {request} with status {status}: {answer}",
            request=request,
            status=status,
        )


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG."""

    dag_id: str
    run_id: str
    state: str
    partition: str | None
    started: datetime | None
    ended: datetime | None

    @classmethod
    def parse(cls, answer: dict[str, Any]) -> Self:
        """From Airflow's JSON."""
        started, ended = answer["start_date"], answer["end_date"]
        return cls(
            dag_id=answer["dag_id"],
            run_id=answer["dag_run_id"],
            state=answer["state"],
            partition=answer["partition_key"],
            started=datetime.fromisoformat(started) if started else None,
            ended=datetime.fromisoformat(ended) if ended else None,
        )


class AirflowApi:
    """A logged-in client; a token that ran out is renewed once per request."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self.login = {"username": user, "password": password}
        self.client = httpx.Client(base_url=self.url, timeout=30, transport=_retrying())

    def request(self, method: str, path: str, **arguments: Any) -> Any:
        """One request's JSON answer.

        Raises:
            EngineUnavailable: Airflow does not answer.
            RequestRefused: It answers with an error.
        """
        answer = self.answer(method, path, **arguments)
        if answer.is_error:
            raise RequestRefused(f"{method} {path}", answer.status_code, answer.text[:500])
        return answer.json() if answer.content else None

    def answer(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask as somebody who is logged in; a question that changes nothing is asked again."""
        attempts = READ_ATTEMPTS if method == "GET" else 1
        while True:
            attempts -= 1
            try:
                return self.ask_logged_in(method, f"/api/v2{path}", **arguments)
            except httpx.TransportError as error:
                if not attempts:
                    raise EngineUnavailable("Airflow", self.url, type(error).__name__) from error

    def ask_logged_in(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask once, with a token that is valid."""
        if "Authorization" not in self.client.headers:
            self.renew_token()
        answer = self.client.request(method, path, **arguments)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.renew_token()
            answer = self.client.request(method, path, **arguments)
        return answer

    def renew_token(self) -> None:
        """Log in and keep the token."""
        answer = self.client.post("/auth/token", json=self.login)
        if answer.is_error:
            raise RequestRefused("the login", answer.status_code, answer.text[:200])
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def dag_ids(self) -> set[str]:
        """Every DAG that Airflow has read."""
        answer = self.request("GET", "/dags", params={"limit": 1000})
        return {dag["dag_id"] for dag in answer["dags"]}

    def import_errors(self) -> list[str]:
        """What is wrong with DAG files."""
        answer = self.request("GET", "/importErrors")
        return [f"{error['filename']}: {error['stack_trace']}" for error in answer["import_errors"]]

    def trigger(self, dag_id: str, partition: str | None = None, note: str | None = None) -> DagRun:
        """Start a run by hand, of one partition where the DAG has them."""
        body = {"logical_date": None, "partition_key": partition, "note": note}
        return DagRun.parse(self.request("POST", f"/dags/{dag_id}/dagRuns", json=body))

    def backfill(self, dag_id: str, start: datetime, end: datetime, reprocess: str) -> int:
        """Start a backfill of every partition with a tick of its schedule in [start, end]; its id."""
        body = {
            "dag_id": dag_id,
            "from_date": start.isoformat(),
            "to_date": end.isoformat(),
            "reprocess_behavior": reprocess,
            "max_active_runs": 3,
        }
        return int(self.request("POST", "/backfills", json=body)["id"])

    def runs(self, dag_id: str, limit: int = 200) -> list[DagRun]:
        """Newest runs of a DAG, newest first; `~` for all DAGs."""
        parameters = {"order_by": "-run_after", "limit": limit}
        answer = self.request("GET", f"/dags/{dag_id}/dagRuns", params=parameters)
        return [DagRun.parse(run) for run in answer["dag_runs"]]

    def tasks(self, states: Iterable[str], limit: int = 100) -> list[dict[str, Any]]:
        """Task instances in any of `states`, of all runs."""
        path = "/dags/~/dagRuns/~/taskInstances"
        answer = self.request("GET", path, params={"state": list(states), "limit": limit})
        found: list[dict[str, Any]] = answer["task_instances"]
        return found

    def failure(self, run: DagRun) -> RunFailed:
        """Where a failed run failed."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        tasks = self.request("GET", path)["task_instances"]
        failed = [task["task_id"] for task in tasks if task["state"] == "failed"]
        page = f"{self.url}/dags/{run.dag_id}/runs/{run.run_id}"
        if failed:
            page = f"{page}/tasks/{failed[0]}"
        return RunFailed(run.dag_id, run.run_id, failed[0] if failed else None, page)


def _retrying() -> httpx.HTTPTransport:
    """Connection attempts are repeated: the API server may just be restarting."""
    return httpx.HTTPTransport(retries=5)
