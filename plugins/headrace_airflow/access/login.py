"""How people log in on a cluster; named in `deploy/webserver_config.py`, loaded by the api-server.

FAB limits guesses in the log-in form only. Two other doors take passwords: `POST /auth/token`, which
is limited here, and FAB's own REST log-in, which nothing of Airflow's needs and which is closed.
"""

import logging
from typing import Any

from airflow.providers.fab.auth_manager.security_manager.override import (
    FabAirflowSecurityManagerOverride,
)
from flask_appbuilder.api import BaseApi  # type: ignore[import-untyped]  # no stubs
from flask_appbuilder.exceptions import (  # type: ignore[import-untyped]  # no stubs
    PasswordComplexityValidationError,
)
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

log = logging.getLogger(__name__)

SHORTEST_PASSWORD = 12
"""Characters. Length is what guessing costs; which characters they are is not asked."""


def check_password(password: str) -> None:
    """What FAB asks of every password that a person sets in the browser."""
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordComplexityValidationError(f"Use at least {SHORTEST_PASSWORD} characters.")


class NoRestLogin(BaseApi):  # type: ignore[misc]  # FAB is untyped
    """Takes the place of FAB's REST log-in, and answers nothing."""

    resource_name = "security"


class LimitedLogin(FabAirflowSecurityManagerOverride):
    """FAB's security manager, which also limits guesses where tokens are asked for.

    A user name that failed too often gets no token until the window (`[fab] auth_rate_limit`) has
    passed, whatever the password: the form in the browser stays open to its owner. Counts are kept
    per process.
    """

    security_api = NoRestLogin
    failures = MovingWindowRateLimiter(MemoryStorage())

    def auth_user_db(self, username: str, password: str, rotate_session_id: bool = True) -> Any:
        """The user whose password it is, or None."""
        if rotate_session_id:  # the form, which has a session and FAB's own limit
            return super().auth_user_db(username, password, rotate_session_id)
        limit, name = self.limit, str(username).casefold()
        if not self.failures.test(limit, name):
            log.warning("%r gets no token: too many failed log-ins (limit %s)", name, limit)
            return None
        user = super().auth_user_db(username, password, rotate_session_id)
        if user is None:
            self.failures.hit(limit, name)
        return user

    @property
    def limit(self) -> RateLimitItem:
        """How many failures are allowed in which time."""
        return parse(self.auth_rate_limit)
