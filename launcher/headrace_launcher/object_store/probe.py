"""One run of the doctor against a store: its clients, and the names of its own objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
from botocore.exceptions import ClientError

from headrace_launcher.object_store.endpoint import Keys, Location, Store, code
from headrace_schemas.accounts import PROBES, Account

ASKING = Account.MAINTAIN
"""With whose keys the doctor asks where there are accounts."""


@dataclass(frozen=True)
class Probe:
    """What checks ask the store with.

    Attributes:
        location: Where probe objects lie, below `doctor/<run>/`.
        client: Signs with the keys that the doctor asks with.
        http: Signs nothing.
        session: Knows these keys, and makes further clients.
        stages: The keys of the stages' accounts that are here.
    """

    store: Store
    location: Location
    client: Any
    http: httpx.Client
    run: str
    session: boto3.Session = field(default_factory=boto3.Session)
    stages: Mapping[Account, Keys] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        """The bucket of the probe objects."""
        return self.location.bucket

    def key(self, name: str) -> str:
        """The key of a probe object."""
        return self.location.key(PROBES, self.run, name)

    def url(self, name: str) -> str:
        """The URL of a probe object."""
        return self.store.endpoint.address(self.client, self.bucket, self.key(name))

    @property
    def options(self) -> dict[str, str] | None:
        """Keys for Delta's reader; without any it finds those of the environment itself."""
        keys = self.stages.get(ASKING)
        if keys is None:
            return None
        return {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}

    def put(self, name: str, body: bytes, **options: str) -> dict[str, Any]:
        """Write a probe object; the store's answer."""
        answer: dict[str, Any] = self.client.put_object(
            Bucket=self.bucket, Key=self.key(name), Body=body, **options
        )
        return answer

    def get(self, name: str) -> bytes | None:
        """A probe object's bytes; None if there is none."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.key(name))
        except ClientError as error:
            if code(error) == "NoSuchKey":
                return None
            raise
        content: bytes = answer["Body"].read()
        return content

    def names(self) -> list[str]:
        """The probe objects of this run that are there."""
        folder = self.key("")
        answer = self.client.list_objects_v2(Bucket=self.bucket, Prefix=folder)
        return [entry["Key"].removeprefix(folder) for entry in answer.get("Contents", ())]

    def delete(self, name: str) -> None:
        """Remove a probe object."""
        self.client.delete_object(Bucket=self.bucket, Key=self.key(name))

    def clean(self) -> None:
        """Remove all probe objects of this run."""
        for name in self.names():
            self.delete(name)
