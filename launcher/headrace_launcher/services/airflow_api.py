"""The part of Airflow's public REST API that a replay needs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx

from headrace_schemas.errors import EngineUnavailable, HeadraceError

UNDER_WAY = ("running", "queued")
"""The states of a run that has not ended."""

PAGE = 100
"""Airflow gives no more of a list at once, whatever limit is asked for."""

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

    def listed(self, path: str, key: str, **filters: Any) -> list[dict[str, Any]]:
        """The whole of a list, read page by page."""
        found: list[dict[str, Any]] = []
        while True:
            params = {**filters, "limit": PAGE, "offset": len(found)}
            answer = self.request("GET", path, params=params)
            found += answer[key]
            if not answer[key] or len(found) >= answer["total_entries"]:
                return found

    def dag_ids(self) -> set[str]:
        """Every DAG that Airflow has read."""
        return {dag["dag_id"] for dag in self.listed("/dags", "dags")}

    def import_errors(self) -> list[str]:
        """What is wrong with DAG files."""
        errors = self.listed("/importErrors", "import_errors")
        return [f"{error['filename']}: {error['stack_trace']}" for error in errors]

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

    def runs(self, dag_id: str, states: Iterable[str] = ()) -> list[DagRun]:
        """The runs of a DAG, newest first, of all states where none is named; `~` for all DAGs."""
        path = f"/dags/{dag_id}/dagRuns"
        found = self.listed(path, "dag_runs", order_by="-run_after", state=list(states))
        return [DagRun.parse(run) for run in found]

    def failed_runs(self) -> list[DagRun]:
        """The last hundred runs of all DAGs that failed, the last to end first."""
        params = {"order_by": "-end_date", "state": "failed", "limit": PAGE}
        answer = self.request("GET", "/dags/~/dagRuns", params=params)
        return [DagRun.parse(run) for run in answer["dag_runs"]]

    def tasks(self, states: Iterable[str]) -> list[dict[str, Any]]:
        """Task instances in any of `states`, of all runs."""
        return self.listed("/dags/~/dagRuns/~/taskInstances", "task_instances", state=list(states))

    def tasks_of(self, run: DagRun) -> list[dict[str, Any]]:
        """The task instances of a run."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        return self.listed(path, "task_instances")

    def failure(self, run: DagRun) -> RunFailed:
        """Where a failed run failed."""
        failed = [task["task_id"] for task in self.tasks_of(run) if task["state"] == "failed"]
        page = f"{self.url}/dags/{run.dag_id}/runs/{run.run_id}"
        if failed:
            page = f"{page}/tasks/{failed[0]}"
        return RunFailed(run.dag_id, run.run_id, failed[0] if failed else None, page)


def _retrying() -> httpx.HTTPTransport:
    """Connection attempts are repeated: the API server may just be restarting."""
    return httpx.HTTPTransport(retries=5)
