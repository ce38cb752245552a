"""The declaration of roles, and what the reference page says of it."""

import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.security import permissions as of_assets
from airflow.providers.fab.www.security import permissions as fab

from headrace_airflow.access import database as access
from headrace_airflow.access.roles import (
    ADMIN,
    CAPABILITIES,
    DAGS,
    DELETE,
    READ,
    ROLES,
    RUNS,
    DagKind,
    access_control,
    permissions_of,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"
OWN = {"My Password", "My Profile"}
SECRET = {"Connections", "Variables", "Configurations", "Users", "Roles", "Passwords", "Audit Logs"}


def test_every_permission_is_known_to_fab() -> None:
    known = {
        value
        for module in (fab, of_assets)
        for name, value in vars(module).items()
        if name.startswith("RESOURCE_") and isinstance(value, str)
    }
    for role in ROLES:
        assert {resource for _, resource in permissions_of(role)} <= known
    for kind in DagKind:
        for granted in access_control(kind).values():
            for resource, actions in granted.items():
                assert actions <= fab.RESOURCE_DETAILS_MAP[resource]["actions"]


def test_viewer_only_reads_but_for_the_own_account() -> None:
    changes = {
        (action, resource)
        for action, resource in permissions_of("viewer")
        if action not in (READ, "menu_access")
    }
    assert {resource for _, resource in changes} == OWN
    assert all("viewer" not in access_control(kind) for kind in DagKind)


def test_each_role_includes_the_one_before() -> None:
    for lesser, greater in zip(list(ROLES), list(ROLES)[1:], strict=False):
        assert set(ROLES[lesser]) < set(ROLES[greater])


@pytest.mark.parametrize("role", ROLES.keys() - {ADMIN})
def test_no_role_changes_all_dags_or_reads_secrets(role: str) -> None:
    held = permissions_of(role)
    assert not {resource for _, resource in held} & SECRET
    assert {action for action, resource in held if resource == DAGS} == {READ, "menu_access"}
    assert ("can_create", RUNS) not in held
    assert not [action for action, _ in held if action == "can_delete"]
    assert DELETE not in ROLES[role]


def test_dag_grants_what_its_kind_says() -> None:
    start = {DAGS: {"can_edit"}, RUNS: {"can_create"}}
    assert access_control(DagKind.PIPELINE) == {"operator": start, "engineer": start}
    assert access_control(DagKind.TRAINING) == {"engineer": start}
    assert access_control(DagKind.APPROVAL) == {"engineer": {DAGS: {"can_edit"}}}


def test_page_shows_the_declared_table() -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", PAGE.read_text(), flags=re.MULTILINE)
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in tables[0].splitlines()
    ]
    assert head == ["", *ROLES]
    shown = {row[0]: row[1:] for row in rows}
    assert shown == {
        capability.text: ["yes" if capability in held else "" for held in ROLES.values()]
        for capability in CAPABILITIES
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("AIRFLOW__CORE__AUTH_MANAGER", "airflow.api_fastapi.SimpleAuthManager"),
        ("AIRFLOW__FAB__UPDATE_FAB_PERMS", "True"),
        ("AIRFLOW__FAB__AUTH_ROLE_PUBLIC", "Viewer"),
        ("AIRFLOW__FAB__CONFIG_FILE", "/nowhere/webserver_config.py"),
    ],
)
def test_setting_is_refused_when_roles_would_not_hold(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    right = {
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.FabAuthManager",
        "AIRFLOW__FAB__UPDATE_FAB_PERMS": "False",
        "AIRFLOW__FAB__AUTH_ROLE_PUBLIC": "",
        "AIRFLOW__FAB__CONFIG_FILE": str(PAGE.parents[2] / "deploy" / "webserver_config.py"),
    }
    for name, usual in right.items():
        monkeypatch.setenv(name, usual)
    access.check_settings()
    monkeypatch.setenv(setting, value)
    with pytest.raises(access.AccessSettingWrong, match=f"{setting} is .*: roles would not hold"):
        access.check_settings()


@pytest.mark.parametrize(
    ("password", "problem"), [(None, "is not set"), ("", "is not set"), ("eleven-char", "is too")]
)
def test_password_is_refused_without_showing_it(password: str | None, problem: str) -> None:
    environ = {} if password is None else {"HEADRACE_ADMIN_PASSWORD": password}
    with pytest.raises(
        access.AdminPasswordUnusable, match=f"HEADRACE_ADMIN_PASSWORD {problem}"
    ) as seen:
        access.usable_password(environ)
    assert not password or password not in str(seen.value)
