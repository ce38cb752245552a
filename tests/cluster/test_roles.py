"""Airflow as a cluster runs it, with users and roles: everybody may do what is declared, and no more."""

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

import tests.own_airflow  # noqa: F401 - before Airflow
from headrace_airflow.access import roles as declared
from headrace_airflow.access.roles import ADMIN, ROLES, Capability, permissions_of
from tests.cluster.api_server import RECORD, Browser, Cluster, running_cluster
from tests.waiting import wait_until

NOT_ALLOWED = 403

ASK = (
    "from airflow.dag_processing.dagbag import DagBag\n"
    "run = DagBag({file!r}).dags['questions'].test()\n"
    "print('ENDED', run.state)\n"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@dataclass(frozen=True)
class Attempt:
    """A request that belongs to a capability; `{new}` is different each time."""

    capability: Capability
    method: str
    path: str
    body: Any = None
    done: tuple[int, ...] = (200, 201, 204)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def on_dag(capability: Capability, dag: str) -> list[Attempt]:
    """Every way to change a Dag or a run of it."""
    run = f"/api/v2/dags/{dag}/dagRuns/made"
    backfill = {
        "dag_id": dag,
        "from_date": "2013-04-01T00:00:00Z",
        "to_date": "2013-05-01T00:00:00Z",
    }
    return [
        Attempt(capability, "POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None}),
        Attempt(capability, "PATCH", f"/api/v2/dags/{dag}", {"is_paused": False}),
        Attempt(capability, "POST", f"{run}/clear", {"dry_run": False}),
        Attempt(
            capability,
            "POST",
            f"/api/v2/dags/{dag}/clearTaskInstances",
            {"dag_run_id": "made", "dry_run": False, "only_failed": False},
        ),
        Attempt(capability, "PATCH", run, {"note": "looked at"}),
        # Only a Dag that follows the calendar can be backfilled: others get as far as that answer.
        Attempt(capability, "POST", "/api/v2/backfills/dry_run", backfill, (200, 422)),
    ]


PROMOTE = "/api/v2/dags/promote.duration"
ATTEMPTS = [
    *(
        Attempt(declared.LOOK, "GET", f"/api/v2{path}")
        for path in (
            "/dags",
            "/dags/train.duration/details",
            "/dags/train.duration/dagRuns/made",
            "/dags/silver.trips/dagRuns/made/taskInstances",
            "/dags/~/dagRuns/~/hitlDetails",
            "/dagSources/silver.trips",
            "/assets",
            "/assets/events",
            "/pools",
            "/importErrors",
            "/backfills?dag_id=silver.trips",
            "/plugins",
        )
    ),
    Attempt(declared.LOOK, "GET", f"/headrace/{RECORD}"),
    Attempt(declared.LOOK, "GET", "/ui/dags"),
    *on_dag(declared.RUN_PIPELINES, "silver.trips"),
    *on_dag(declared.TRAIN, "train.duration"),
    Attempt(
        declared.RUN_PIPELINES,
        "POST",
        "/api/v2/dags/score.duration/dagRuns",
        {"logical_date": None},
    ),
    Attempt(
        declared.RUN_PIPELINES,
        "POST",
        "/api/v2/dags/monitor.duration/dagRuns",
        {"logical_date": None},
    ),
    Attempt(
        declared.RUN_PIPELINES,
        "POST",
        "/api/v2/dags/retrain.duration/dagRuns",
        {"logical_date": None},
    ),
    Attempt(declared.APPROVE, "PATCH", PROMOTE, {"is_paused": False}),
    Attempt(declared.APPROVE, "POST", f"{PROMOTE}/dagRuns/made/clear", {"dry_run": False}),
    Attempt(
        declared.APPROVE,
        "PATCH",
        f"{PROMOTE}/dagRuns/made/taskInstances/approve/-1/hitlDetails",
        {"chosen_options": ["Approve"]},
        (404,),  # nothing has been asked yet
    ),
    Attempt(
        declared.SIZE_POOLS,
        "POST",
        "/api/v2/pools",
        {"name": "{new}", "slots": 2, "include_deferred": False},
    ),
    Attempt(
        declared.SIZE_POOLS,
        "PATCH",
        "/api/v2/pools/default_pool?update_mask=slots",
        {"pool": "default_pool", "slots": 64},
    ),
    # An event starts the Dags that wait for it, trainings too, and asks about no Dag.
    Attempt(declared.SEND_EVENTS, "POST", "/api/v2/assets/events", {"asset_id": 1, "extra": {}}),
    Attempt(declared.SEND_EVENTS, "PUT", "/api/v2/assets/1/state-store/key", {"value": "1"}),
    # Whether an event is queued depends on who sent one before.
    Attempt(declared.SEND_EVENTS, "DELETE", "/api/v2/assets/1/queuedEvents", None, (204, 404)),
    Attempt(declared.KEEP_SECRETS, "GET", "/api/v2/connections"),
    Attempt(
        declared.KEEP_SECRETS,
        "POST",
        "/api/v2/connections",
        {"connection_id": "{new}", "conn_type": "aws"},
    ),
    Attempt(declared.KEEP_SECRETS, "GET", "/api/v2/variables"),
    Attempt(declared.KEEP_SECRETS, "POST", "/api/v2/variables", {"key": "{new}", "value": "1"}),
    Attempt(declared.AUDIT, "GET", "/api/v2/eventLogs"),
    Attempt(declared.DELETE, "DELETE", "/api/v2/dags/to_delete"),
    Attempt(declared.DELETE, "DELETE", "/api/v2/dags/silver.trips/dagRuns/{new}", None, (404,)),
    Attempt(declared.DELETE, "DELETE", "/api/v2/pools/{new}", None, (404,)),
    Attempt(declared.ADMINISTER, "GET", "/auth/fab/v1/users"),
    Attempt(declared.ADMINISTER, "POST", "/auth/fab/v1/roles", {"name": "{new}", "actions": []}),
    Attempt(
        declared.ADMINISTER,
        "POST",
        "/auth/fab/v1/users",
        {
            "username": "{new}",
            "password": "a-long-password",
            "email": "{new}@example.org",
            "first_name": "a",
            "last_name": "b",
            "roles": [{"name": "viewer"}],
        },
    ),
    Attempt(
        declared.ADMINISTER,
        "PATCH",
        "/auth/fab/v1/users/a_viewer?update_mask=last_name",
        {"last_name": "viewer"},
    ),
    # A Dag that grants nothing: only who may change every Dag may start it.
    Attempt(declared.ADMINISTER, "POST", "/api/v2/dags/unnamed/dagRuns", {"logical_date": None}),
]


def filled(value: Any, new: str) -> Any:
    """The value with a name of its own wherever it asks for one."""
    if isinstance(value, str):
        return value.replace("{new}", new)
    if isinstance(value, dict):
        return {key: filled(one, new) for key, one in value.items()}
    return value


def expected(attempt: Attempt, role: str | None) -> tuple[int, ...]:
    """The answers that the declaration lets the role expect."""
    if role is None:
        return (401,)
    return attempt.done if attempt.capability in ROLES[role] else (NOT_ALLOWED,)


@pytest.mark.parametrize("role", [None, *ROLES], ids=str)
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_role_does_what_is_declared_when_it_tries(
    cluster: Cluster, role: str | None, attempt: Attempt
) -> None:
    new = f"n{secrets.token_hex(6)}"
    path, body = filled(attempt.path, new), filled(attempt.body, new)
    answer = cluster.ask(role, attempt.method, path, body)
    assert answer.status_code in expected(attempt, role), answer.text


@pytest.mark.parametrize("role", ROLES)
def test_configuration_is_shown_to_nobody(cluster: Cluster, role: str) -> None:
    assert cluster.ask(role, "GET", "/api/v2/config").status_code == NOT_ALLOWED


def test_question_is_answered_only_by_who_may_approve(cluster: Cluster) -> None:
    """A run really waits for two answers, and goes on once they are given."""
    file = cluster.home / "project" / "dags" / "more.py"
    command = [sys.executable, "-c", ASK.format(file=str(file))]
    waiting = subprocess.Popen(
        command,
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        path = "/api/v2/dags/questions/dagRuns/~/hitlDetails"

        def asked() -> list[dict[str, Any]]:
            assert waiting.poll() is None, waiting.communicate()[0]
            found = cluster.ask("viewer", "GET", path).json()["hitl_details"]
            ready = [one for one in found if one["task_instance"]["state"] == "awaiting_input"]
            return ready if len(ready) == 2 else []

        tasks = [one["task_instance"] for one in wait_until(asked, "two questions")]
        for role in (None, "viewer", "operator"):
            assert answer(cluster, role, tasks[0]).status_code == (403 if role else 401)
        assert answer(cluster, "engineer", tasks[0]).json()["responded_by"]["name"] == "a_engineer"
        assert answer(cluster, "engineer", tasks[0]).status_code == 409
        assert answer(cluster, ADMIN, tasks[1]).status_code == 200
        assert "ENDED success" in waiting.communicate(timeout=60)[0]
    finally:
        waiting.kill()


def answer(cluster: Cluster, role: str | None, task: dict[str, Any]) -> httpx.Response:
    """A user's yes."""
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}"
    body = {"chosen_options": ["Approve"]}
    return cluster.ask(role, "PATCH", f"{path.format_map(task)}/hitlDetails", body)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "PATCH",
            "/dags/~/dagRuns/~/taskInstances",
            {
                "actions": [
                    {
                        "action": "update",
                        "entities": [
                            {
                                "dag_id": "promote.duration",
                                "dag_run_id": "made",
                                "task_id": "approve",
                                "new_state": "success",
                            },
                        ],
                    }
                ]
            },
        ),
        (
            "PATCH",
            "/dags/~/dagRuns",
            {
                "actions": [
                    {
                        "action": "update",
                        "entities": [
                            {
                                "dag_id": "promote.duration",
                                "dag_run_id": "made",
                                "state": "success",
                            },
                        ],
                    }
                ]
            },
        ),
        (
            "POST",
            "/dags/~/clearDagRuns",
            {"dag_runs": [{"dag_id": "promote.duration", "dag_run_id": "made"}], "dry_run": False},
        ),
        (
            "POST",
            "/dags/silver.trips/clearDagRuns",
            {"dag_runs": [{"dag_id": "promote.duration", "dag_run_id": "made"}], "dry_run": False},
        ),
        (
            "POST",
            "/dags/~/clearTaskInstances",
            {"dag_run_id": "made", "dry_run": False, "only_failed": False},
        ),
        (
            "PATCH",
            "/dags/~/dagRuns/made/taskInstances/approve/-1/hitlDetails",
            {"chosen_options": ["Approve"]},
        ),
        ("POST", "/dags/~/dagRuns", {"logical_date": None}),
        ("POST", "/dags/train.duration/dagRuns?dag_id=silver.trips", {"logical_date": None}),
        (
            "POST",
            "/backfills?dag_id=bronze.trips",
            {
                "dag_id": "train.duration",
                "from_date": "2013-04-01T00:00:00Z",
                "to_date": "2013-05-01T00:00:00Z",
            },
        ),
        ("PATCH", "/dags?dag_id_pattern=train", {"is_paused": True}),
    ],
)
def test_nothing_is_changed_when_another_dag_is_named_beside_the_path(
    cluster: Cluster, method: str, path: str, body: Any
) -> None:
    """What an operator may do to a pipeline opens no way to trainings and approvals."""
    watched = [
        "/api/v2/dags/promote.duration/dagRuns/made",
        "/api/v2/dags/promote.duration/dagRuns/made/taskInstances",
        "/api/v2/dags/train.duration",
        "/api/v2/dags/train.duration/dagRuns?dag_run_id_pattern=manual",
    ]
    before = [cluster.ask(ADMIN, "GET", one).json() for one in watched]
    answer = cluster.ask("operator", method, f"/api/v2{path}", body)
    if answer.status_code == 200:  # a bulk request answers for each entity
        assert not answer.json()["update"]["success"]
        assert answer.json()["update"]["errors"]
    else:
        assert answer.status_code in (400, 403, 404), answer.text
    after = [cluster.ask(ADMIN, "GET", one).json() for one in watched]
    for was, now in zip(before, after, strict=True):
        for one in (was, now):
            one.pop("next_dagrun_create_after", None)
        assert was == now


OPEN = {
    "/api/v2/monitor/health",
    "/api/v2/version",
    "/api/v2/auth/login",
    "/api/v2/auth/logout",
    "/auth/token",
    "/auth/token/cli",
    "/auth/logout",
}
"""Health, version, and ways to log in and out."""

OWN = {
    "/api/v2/dags/{dag_id}/favorite",
    "/api/v2/dags/{dag_id}/unfavorite",
    "/api/v2/dags/{dag_id}/dagRuns/list",
    "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list",
}
"""What is no GET and still changes nothing for others: stars, and long queries."""

BULK = {"actions": [{"action": "delete", "entities": ["x"]}]}
BODIES = {
    "/api/v2/dags/{dag_id}/clearDagRuns": {"dag_runs": [{"dag_run_id": "made"}]},
    "/api/v2/connections/enqueue-test": {"connection_id": "x", "conn_type": "aws"},
}


def routes(cluster: Cluster) -> list[tuple[str, str]]:
    """Every method and path that the server's descriptions name."""
    found = []
    for prefix in ("", "/auth"):
        paths = cluster.ask(None, "GET", f"{prefix}/openapi.json").json()["paths"]
        found += [(m.upper(), prefix + path) for path, methods in paths.items() for m in methods]
    assert len(found) > 100
    return found


def concrete(path: str) -> str:
    """The path with something in place of its parameters."""
    some = {"dag_id": "silver.trips", "dag_run_id": "made", "map_index": "-1"}
    return re.sub(r"\{(\w+)(?::path)?\}", lambda name: some.get(name[1], "1"), path)


def test_nothing_answers_when_nobody_is_logged_in(cluster: Cluster) -> None:
    from airflow.api_fastapi.core_api.routes.ui import ui_router

    of_pages = [
        (method, f"/ui{route.path.removeprefix('/ui')}")
        for route in ui_router.routes
        for method in route.methods
    ]
    assert len(of_pages) > 20
    answers = {
        (method, path): cluster.ask(None, method, concrete(path), {} if method != "GET" else None)
        for method, path in [*routes(cluster), *of_pages]
        if path not in OPEN
    }
    assert {key: one.text for key, one in answers.items() if one.status_code != 401} == {}


def test_tasks_interface_answers_tasks_only(cluster: Cluster) -> None:
    for who in (None, ADMIN):
        answer = cluster.ask(who, "GET", "/execution/variables/x")
        assert answer.status_code in (401, 403), answer.text


@pytest.mark.parametrize("page", ["users/list/", "users/add", "roles/list/", "permissions/list/"])
def test_page_leads_to_the_log_in_when_nobody_is_logged_in(cluster: Cluster, page: str) -> None:
    answer = cluster.ask(None, "GET", f"/auth/{page}")
    assert answer.status_code == 302
    assert "/auth/login/" in answer.headers["location"]


def test_viewer_changes_nothing_when_every_route_is_tried(cluster: Cluster) -> None:
    tried = {
        (method, path): cluster.ask("viewer", method, concrete(path), BODIES.get(path, BULK))
        for method, path in routes(cluster)
        if method != "GET" and path not in OPEN | OWN
    }
    # A backfill or a file that is not there is not there for anybody.
    refused = (403, 404)
    assert {key: one.text for key, one in tried.items() if one.status_code not in refused} == {}
    not_found = {path for (_, path), one in tried.items() if one.status_code == 404}
    assert all("{backfill_id}" in path or "{file_token}" in path for path in not_found)


def test_person_logs_in_and_sees_no_users_when_a_viewer(cluster: Cluster) -> None:
    password = cluster.make_user("uma", "viewer")
    browser = Browser(cluster.url)
    named = {"username": "uma", "password": password}
    assert browser.client.post("/auth/login/", data=named).status_code == 400  # from another page
    login = browser.log_in("uma", password)
    assert login.status_code == 302
    token = browser.client.get("/auth/").headers["set-cookie"]
    for cookie in (token, login.headers["set-cookie"]):
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()
    assert browser.client.get("/api/v2/dags").status_code == 200
    assert browser.client.get(f"/headrace/{RECORD}").text == "<h1>warned</h1>"
    for word, status in (("too-short", 401), ("long-enough-now", 201)):
        browser.send("/auth/resetmypassword/form", password=word, conf_password=word)
        assert cluster.log_in("uma", word).status_code == status
    assert browser.client.get("/auth/users/list/").status_code == 302
    assert browser.client.get("/auth/roles/list/").status_code == 302
    body = {"username": "eve", "password": "a-long-password"}
    assert browser.client.post("/auth/users/add", data=body).status_code in (302, 400)


def test_guessing_is_stopped_at_every_door(cluster: Cluster) -> None:
    password = cluster.make_user("vic", "viewer")
    assert [cluster.log_in("vic", "wrong").status_code for _ in range(5)] == [401] * 5
    assert cluster.log_in("vic", password).status_code == 401
    browser = Browser(cluster.url, "127.0.0.2")  # whom others' log-ins are not counted against
    assert browser.log_in("vic", password).status_code == 302
    guesser = Browser(cluster.url, "127.0.0.2")
    assert [guesser.log_in("vic", "wrong").status_code for _ in range(5)] == [302] * 4 + [429]
    rest = {"username": "vic", "password": password, "provider": "db"}
    assert cluster.ask(None, "POST", "/auth/api/v1/security/login", rest).status_code == 404
    assert cluster.ask(None, "GET", "/auth/register/form").status_code == 404


def test_roles_are_mended_when_somebody_changed_them(cluster: Cluster) -> None:
    before = {role: cluster.permissions(role) for role in ROLES}
    for role in ROLES.keys() - {ADMIN}:
        plain = {pair for pair in before[role] if not pair[1].startswith(("DAG:", "DAG Run:"))}
        assert plain == permissions_of(role)
    assert ("can_edit", "DAG:silver.trips") in before["operator"]
    assert ("can_edit", "DAG:train.duration") not in before["operator"]
    more = [
        {"action": {"name": action}, "resource": {"name": resource}}
        for action, resource in [
            *before["operator"],
            ("can_edit", "DAGs"),
            ("can_edit", "DAG:unnamed"),
        ]
        if (action, resource) != ("can_read", "Task Logs")
    ]
    changed = cluster.ask(
        ADMIN, "PATCH", "/auth/fab/v1/roles/operator", {"name": "operator", "actions": more}
    )
    assert changed.status_code == 200, changed.text
    assert ("can_edit", "DAGs") in cluster.permissions("operator")
    assert cluster.ask(
        ADMIN, "POST", "/auth/fab/v1/roles", {"name": "Op", "actions": []}
    ).is_success
    done = cluster.provision(HEADRACE_ADMIN_PASSWORD="another-password")
    assert done.returncode == 0, done.stderr
    assert cluster.log_in(ADMIN, cluster.password).status_code == 201
    assert "role Op: removed" in done.stdout
    assert {role: cluster.permissions(role) for role in ROLES} == before
    names = cluster.ask(ADMIN, "GET", "/auth/fab/v1/roles").json()["roles"]
    assert not {"Admin", "Op", "Public", "User", "Viewer"} & {one["name"] for one in names}


def test_password_of_the_admin_is_changed_when_asked_to(cluster: Cluster) -> None:
    old, new = cluster.password, secrets.token_urlsafe(12)
    reset = {"HEADRACE_ADMIN_PASSWORD": new, "HEADRACE_ADMIN_PASSWORD_RESET": "1"}
    done = cluster.provision(**reset)
    assert done.returncode == 0, done.stderr
    assert new not in done.stdout + done.stderr
    cluster.password = new
    assert cluster.log_in(ADMIN, old).status_code == 401
    assert cluster.log_in(ADMIN, new).status_code == 201


def test_nothing_is_written_when_the_log_in_is_another(cluster: Cluster) -> None:
    done = cluster.provision(AIRFLOW__FAB__CONFIG_FILE="/nowhere/webserver_config.py")
    assert done.returncode == 1
    assert "error: AIRFLOW__FAB__CONFIG_FILE is '/nowhere/webserver_config.py'" in done.stderr
    assert cluster.ask(ADMIN, "GET", "/auth/fab/v1/roles/Admin").status_code == 404
