"""One run of the doctor against a store: its clients, and the names of its own objects."""

from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
from botocore.exceptions import ClientError

from headrace_launcher.object_store.endpoint import Location, Store, code


@dataclass(frozen=True)
class Probe:
    """What checks ask the store with.

    Attributes:
        location: Where probe objects lie, below `doctor/<run>/`.
        client: Signs with the keys of the environment, as every job does.
        http: Signs nothing.
        session: Knows the keys of the environment, and makes further clients.
    """

    store: Store
    location: Location
    client: Any
    http: httpx.Client
    run: str
    session: boto3.Session = field(default_factory=boto3.Session)

    @property
    def bucket(self) -> str:
        """The bucket of the probe objects."""
        return self.location.bucket

    def key(self, name: str) -> str:
        """The key of a probe object."""
        return self.location.key("doctor", self.run, name)

    def url(self, name: str) -> str:
        """The URL of a probe object."""
        return self.store.endpoint.address(self.client, self.bucket, self.key(name))

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
