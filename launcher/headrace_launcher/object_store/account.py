"""The jobs' account on a MinIO server: a user with one policy.

A user, not a service account: a service account is its parent's, here root's, and has all of
root's rights as soon as its own policy is lost. A user without a policy may do nothing.
"""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException

from headrace_launcher.errors import ObjectStoreRefused, ObjectStoreUnavailable
from headrace_launcher.object_store.endpoint import ANSWER_SECONDS, CONNECT_SECONDS, Keys, Store
from headrace_launcher.object_store.policy import is_same, policy

Tell = Callable[[str, str], None]
"""Hears of each piece: `made`, `present` or `note`, and which."""


@dataclass(frozen=True)
class JobsAccount:
    """The user, its policy, and the root login that makes them."""

    store: Store
    root: Keys
    keys: Keys

    @property
    def policy_name(self) -> str:
        """Other lakes in the same store have policies of their own."""
        first = self.store.locations[0]
        return "-".join(["headrace-jobs", first.bucket, *first.prefix.split("/")]).rstrip("-")

    def ensure(self, tell: Tell) -> None:
        """Make or mend policy and user.

        Raises:
            ObjectStoreRefused: The server does not let root do it, or is not MinIO.
            ObjectStoreUnavailable: The server went away.
        """
        admin = self._admin()
        try:
            self._ensure_policy(admin, tell)
            self._ensure_user(admin, tell)
            self._tell_of_others(admin, tell)
        except MinioAdminException as error:
            raise ObjectStoreRefused(
                str(self.store.endpoint), "making the jobs' account", _reason(error),
                "Correct HEADRACE_S3_ROOT_USER, HEADRACE_S3_ROOT_PASSWORD, AWS_ACCESS_KEY_ID (3 to "
                "20 characters) or AWS_SECRET_ACCESS_KEY (8 to 40). Leave HEADRACE_S3_ROOT_USER "
                "empty where the store is not MinIO",
            ) from error  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            raise ObjectStoreUnavailable(
                str(self.store.endpoint), ANSWER_SECONDS, type(error).__name__
            ) from error

    def _ensure_policy(self, admin: MinioAdmin, tell: Tell) -> None:
        wanted = policy(self.store, own_account=True)
        found = _or_none(lambda: admin.policy_info(self.policy_name), "NoSuchPolicy")
        if found is not None and is_same(found, wanted):
            tell("present", f"policy {self.policy_name}")
            return
        admin.policy_add(self.policy_name, policy=wanted)
        tell("made", f"policy {self.policy_name}")

    def _ensure_user(self, admin: MinioAdmin, tell: Tell) -> None:
        found = _or_none(lambda: admin.user_info(self.keys.access_key), "NoSuchUser")
        has_policy = found is not None and found.get("policyName") == self.policy_name
        if has_policy and self._keys_work():
            tell("present", "account of the jobs")
            return
        admin.user_add(self.keys.access_key, self.keys.secret_key)
        admin.policy_set(self.policy_name, user=self.keys.access_key)
        tell("made", "account of the jobs")

    def _keys_work(self) -> bool:
        """Whether the user is enabled and has this secret."""
        first = self.store.locations[0]
        try:
            self.store.endpoint.client(self.keys).list_objects_v2(
                Bucket=first.bucket, Prefix=first.key(""), MaxKeys=1
            )
        except ClientError:
            return False
        return True

    def _tell_of_others(self, admin: MinioAdmin, tell: Tell) -> None:
        """Keys that were replaced open the lake until their user is removed."""
        entities = json.loads(admin.get_policy_entities([], [], [self.policy_name]))
        users = {
            user for one in entities.get("policyMappings") or () for user in one.get("users") or ()
        }
        if others := len(users - {self.keys.access_key}):
            have = "account has" if others == 1 else "accounts have"
            tell(
                "note",
                f"policy {self.policy_name}: {others} other {have} it; remove those of former keys "
                "(mc admin user remove)",
            )

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
                cert_reqs=ssl.CERT_REQUIRED, ca_certs=bundle,
            ),
        )  # fmt: skip


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
