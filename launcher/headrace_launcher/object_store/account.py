"""Accounts on a MinIO server: users with one policy each.

A user, not a service account: a service account is its parent's, here root's, and has all of
root's rights as soon as its own policy is lost. A user without a policy may do nothing.
"""

import json
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
import certifi
import urllib3
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException

from headrace_launcher.errors import ObjectStoreRefused, ObjectStoreUnavailable
from headrace_launcher.object_store.endpoint import ANSWER_SECONDS, CONNECT_SECONDS, Keys, Store
from headrace_launcher.object_store.policy import account_policy, is_same, policy
from headrace_schemas.accounts import Account

Tell = Callable[[str, str], None]
"""Hears of each piece: `made`, `present` or `note`, and which."""

JOBS = "jobs"
"""The account that does all of the work, where there is one."""


@dataclass(frozen=True)
class User:
    """An account as the server knows it: keys, and a policy of its own."""

    name: str
    policy_name: str
    policy: dict[str, Any]
    keys: Keys

    @classmethod
    def of_stage(cls, store: Store, account: Account, keys: Keys) -> "User":
        """The user of one stage of the work."""
        allowed = account_policy(store, account, own_account=True)
        name = policy_name(store, account.value)
        return cls(f"account {account.value}", name, allowed, keys)

    @classmethod
    def of_all(cls, store: Store, keys: Keys) -> "User":
        """One user for all of the work."""
        allowed = policy(store, own_account=True)
        return cls(f"account of the {JOBS}", policy_name(store, JOBS), allowed, keys)


def policy_name(store: Store, account: str) -> str:
    """Other lakes in the same store have policies of their own."""
    first = store.locations[0]
    return "-".join(["headrace", account, first.bucket, *first.prefix.split("/")]).rstrip("-")


@dataclass(frozen=True)
class Accounts:
    """What root makes on its server."""

    store: Store
    root: Keys

    def ensure(self, users: Iterable[User], tell: Tell) -> None:
        """Make or mend policies and users.

        Raises:
            ObjectStoreRefused: The server does not let root do it, or is not MinIO.
            ObjectStoreUnavailable: The server went away.
        """
        wanted = tuple(users)
        try:
            for user in wanted:
                self._ensure_policy(user, tell)
                self._ensure_user(user, tell)
            self._tell_of_others(wanted, tell)
        except MinioAdminException as error:
            raise ObjectStoreRefused(
                str(self.store.endpoint),
                "making the accounts",
                _reason(error),
                "Correct HEADRACE_S3_ROOT_USER, HEADRACE_S3_ROOT_PASSWORD, or the account's access "
                "key (3 to 20 characters) or secret (8 to 40). Leave HEADRACE_S3_ROOT_USER empty "
                "where the store is not MinIO",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise ObjectStoreUnavailable(
                str(self.store.endpoint), ANSWER_SECONDS, type(error).__name__
            ) from error

    def _ensure_policy(self, user: User, tell: Tell) -> None:
        found = _or_none(lambda: self._admin.policy_info(user.policy_name), "NoSuchPolicy")
        if found is not None and is_same(found, user.policy):
            tell("present", f"policy {user.policy_name}")
            return
        self._admin.policy_add(user.policy_name, policy=user.policy)
        tell("made", f"policy {user.policy_name}")

    def _ensure_user(self, user: User, tell: Tell) -> None:
        found = _or_none(lambda: self._admin.user_info(user.keys.access_key), "NoSuchUser")
        has_policy = found is not None and found.get("policyName") == user.policy_name
        if has_policy and self._keys_work(user.keys):
            tell("present", user.name)
            return
        self._admin.user_add(user.keys.access_key, user.keys.secret_key)
        self._admin.policy_set(user.policy_name, user=user.keys.access_key)
        tell("made", user.name)

    def _keys_work(self, keys: Keys) -> bool:
        """Whether the user is enabled and has this secret."""
        first = self.store.locations[0]
        try:
            client = self.store.endpoint.client(keys, self._session)
            client.list_objects_v2(Bucket=first.bucket, Prefix=first.key(""), MaxKeys=1)
        except ClientError:
            return False
        return True

    def _tell_of_others(self, users: Iterable[User], tell: Tell) -> None:
        """Keys that were replaced open the lake until their user is removed."""
        keys = {user.policy_name: user.keys.access_key for user in users}
        former = policy_name(self.store, JOBS)
        holders = self._holders({*keys, former})
        for name, access_key in keys.items():
            if others := len(holders[name] - {access_key}):
                have = "account has" if others == 1 else "accounts have"
                tell(
                    "note",
                    f"policy {name}: {others} other {have} it; remove those of former keys "
                    "(mc admin user remove)",
                )
        if former not in keys and (others := len(holders[former])):
            may = "account may" if others == 1 else "accounts may"
            tell(
                "note",
                f"policy {former}: {others} {may} still do everything by it; remove them once "
                "nobody uses their keys (mc admin user remove)",
            )

    def _holders(self, policies: Iterable[str]) -> dict[str, set[str]]:
        """The users of policies."""
        found: dict[str, set[str]] = {name: set() for name in policies}
        entities = json.loads(self._admin.get_policy_entities([], [], [*found]))
        for mapping in entities.get("policyMappings") or ():
            found[mapping["policy"]].update(mapping.get("users") or ())
        return found

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session()

    @cached_property
    def _admin(self) -> MinioAdmin:
        parts = urlsplit(str(self.store.endpoint.url))
        bundle = self.store.endpoint.ca_bundle or certifi.where()
        return MinioAdmin(
            endpoint=parts.netloc,
            credentials=StaticProvider(self.root.access_key, self.root.secret_key),
            region=self.store.endpoint.region,
            secure=parts.scheme == "https",
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
                retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[502, 503]),
                cert_reqs=ssl.CERT_REQUIRED,
                ca_certs=bundle,
            ),
        )


def _or_none(ask: Callable[[], str], absent: str) -> dict[str, Any] | None:
    """What the server knows; None if it answers that there is no such thing."""
    try:
        found: dict[str, Any] = json.loads(ask())
    except MinioAdminException as error:
        if absent in str(error):
            return None
        raise
    return found


def _reason(error: MinioAdminException) -> str:
    """The server's own words, without the addresses around them."""
    text = str(error).partition("Body: ")[2] or str(error)
    try:
        answer = json.loads(text)
    except ValueError:
        return text.strip()[:200] or str(error)
    return f"{answer.get('Code')} ({str(answer.get('Message', '')).rstrip('.')})"
