"""Writes roles and the first admin into Airflow's database: `python -m headrace_airflow.access.database`.

Runs at the start of a cluster, after `airflow db migrate`; another time it changes nothing that is
already right. Roles that an admin made in the UI are left alone. Never imported by a Dag file: it
loads the web application that users and roles live in.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from airflow.configuration import conf
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers.fab.www.security.permissions import PREFIX_LIST
from airflow.providers.fab.www.security_manager import EXISTING_ROLES
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from flask import Flask
from sqlalchemy import select

from headrace_airflow.access.login import SHORTEST_PASSWORD
from headrace_airflow.access.roles import ADMIN, ROLES, permissions_of
from headrace_schemas.errors import HeadraceError
from headrace_schemas.wire.secret_files import secret

PASSWORD = "HEADRACE_ADMIN_PASSWORD"  # noqa: S105 - the variable's name
RESET = "HEADRACE_ADMIN_PASSWORD_RESET"


class AccessSettingWrong(HeadraceError, ValueError):
    """A setting of Airflow under which the declared roles would not hold."""

    def __init__(self, setting: str, value: object, wanted: str) -> None:
        super().__init__(
            f"{setting} is {value!r}: roles would not hold. Set it to {wanted}.",
            setting=setting,
            value=value,
            wanted=wanted,
        )


class AdminPasswordUnusable(HeadraceError, ValueError):
    """No password, or too short a one, for the first admin."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{PASSWORD} {problem}: nobody could log in safely. Set it to at least "
            f"{SHORTEST_PASSWORD} characters.",
            problem=problem,
        )


def check_settings() -> None:
    """Refuse settings that add to what the roles may do, or that hide the roles.

    Raises:
        AccessSettingWrong: One of them does.
    """
    manager = conf.get("core", "auth_manager")
    if "FabAuthManager" not in manager:
        wanted = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
        raise AccessSettingWrong("AIRFLOW__CORE__AUTH_MANAGER", manager, wanted)
    if conf.getboolean("fab", "update_fab_perms"):
        # Each start of an api-server would make FAB's own roles again.
        raise AccessSettingWrong("AIRFLOW__FAB__UPDATE_FAB_PERMS", True, "False")
    if public := conf.get("fab", "auth_role_public", fallback=""):
        raise AccessSettingWrong("AIRFLOW__FAB__AUTH_ROLE_PUBLIC", public, "nothing")
    file = conf.get_mandatory_value("fab", "config_file")
    config = login_config(file)
    if config.get("AUTH_ROLE_ADMIN") != ADMIN or config.get("AUTH_ROLE_PUBLIC"):
        wanted = "the path of Headrace's deploy/webserver_config.py"
        raise AccessSettingWrong("AIRFLOW__FAB__CONFIG_FILE", file, wanted)


def login_config(file: str) -> Mapping[str, Any]:
    """What FAB reads from the file; like FAB, it is silent when there is none."""
    app = Flask(__name__)
    with app.app_context():
        app.config.from_pyfile(file, silent=True)
    return app.config


def write_roles(appbuilder: Any) -> list[str]:
    """Give every role exactly what is declared; what was done, a line each."""
    security = appbuilder.sm
    appbuilder.add_permissions(update_perms=True)  # those of the pages for users and roles
    security.create_perm_vm_for_all_dag()
    known = {pair for config in security.ROLE_CONFIGS for pair in config["perms"]}
    for action, resource in sorted(known.union(*map(permissions_of, ROLES))):
        security.create_permission(action, resource)
    of_no_dag = {
        (permission.action.name, permission.resource.name): permission
        for permission in security.session.scalars(select(security.permission_model)).unique()
        if not permission.resource.name.startswith(tuple(PREFIX_LIST))
    }
    lines = []
    for name in ROLES:
        role = security.add_role(name)
        wanted = of_no_dag.keys() if name == ADMIN else permissions_of(name)
        role.permissions = [of_no_dag[pair] for pair in sorted(wanted)]
        lines.append(f"role {name}: {len(wanted)} permissions")
    security.session.commit()
    # What Dags grant: taken above from those that are in the database, and given back.
    security.create_dag_specific_permissions()
    return lines


def drop_default_roles(security: Any) -> list[str]:
    """Remove FAB's own roles, unless somebody has one; what was done, a line each."""
    lines = []
    for name in sorted(EXISTING_ROLES):
        role = security.find_role(name)
        if role is None:
            continue
        holders = len(role.user) + len(role.groups)
        if holders:
            lines.append(
                f"role {name}: kept, {holders} hold it; give them one of {', '.join(ROLES)}"
            )
        else:
            security.delete_role(name)
            lines.append(f"role {name}: removed")
    return lines


def ensure_admin(security: Any, environ: Mapping[str, str]) -> str:
    """Make the first admin, or set the password anew when asked to; what was done.

    An account that exists is never touched unasked: neither its password, which its owner may have
    changed since, nor its being switched off.

    Raises:
        AdminPasswordUnusable: A password is needed, and there is none or a short one.
    """
    user, role = security.find_user(username=ADMIN), security.find_role(ADMIN)
    if environ.get(RESET) == "1" and user is not None:
        user.active = True
        user.roles = [*{*user.roles, role}]
        security.reset_password(user.id, usable_password(environ))
        return f"user {ADMIN}: password set anew, sessions ended"
    if any(user.active for user in role.user):
        return f"user {ADMIN}: nothing to do, there is an admin"
    if user is not None:
        return (
            f"user {ADMIN}: is switched off or no admin, and nobody else is one; "
            f"start once with {RESET}=1 to make it one again"
        )
    made = security.add_user(
        username=ADMIN,
        first_name="First",
        last_name="Admin",
        email=f"{ADMIN}@headrace.invalid",
        role=role,
        password=usable_password(environ),
    )
    return f"user {made.username}: made"


def usable_password(environ: Mapping[str, str]) -> str:
    """The password that the environment holds, or names a file of."""
    password = secret(PASSWORD, environ) or ""
    if not password:
        raise AdminPasswordUnusable("is not set")
    if len(password) < SHORTEST_PASSWORD:
        raise AdminPasswordUnusable("is too short")
    return password


@providers_configuration_loaded
def provision(environ: Mapping[str, str]) -> list[str]:
    """Bring users and roles to what is declared; what was done, a line each."""
    check_settings()
    with get_application_builder() as appbuilder:
        return [
            *write_roles(appbuilder),
            *drop_default_roles(appbuilder.sm),
            ensure_admin(appbuilder.sm, environ),
        ]


def main() -> int:
    """The command."""
    try:
        lines = provision(os.environ)
    except HeadraceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
