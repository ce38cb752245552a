"""Where the object store is, and where in it the lake and the landing area lie."""

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from headrace_launcher.errors import SettingInvalid
from headrace_launcher.services.settings import Settings
from headrace_schemas.places import Place

DEFAULT_REGION = "us-east-1"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 20


@dataclass(frozen=True)
class Location:
    """A bucket, and the part of it below a prefix; without a prefix the whole bucket."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, setting: str, uri: str) -> "Location | None":
        """The location that a setting names; None if it names a folder on disk.

        Raises:
            SettingInvalid: Neither a path nor `s3a://bucket/prefix`.
        """
        place = Place.parse(uri)
        if place.path is not None:
            return None
        if place.scheme != "s3a" or not place.bucket:
            raise SettingInvalid(
                setting,
                uri,
                "Give a path, or an object store as Spark reads it: s3a://bucket/prefix",
            )
        return cls(place.bucket, place.key)

    def __str__(self) -> str:
        return f"s3a://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, *parts: str) -> str:
        """The key of an object below the prefix."""
        return "/".join([*([self.prefix] if self.prefix else []), *parts])


@dataclass(frozen=True)
class Keys:
    """An access key and its secret."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Endpoint:
    """An S3 endpoint; without a URL it is AWS."""

    url: str | None
    region: str = DEFAULT_REGION
    ca_bundle: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Endpoint":
        """The endpoint that the `AWS_*` variables name.

        Raises:
            SettingInvalid: The URL is not one of a host.
        """
        url = environ.get("AWS_ENDPOINT_URL") or None
        if url is not None:
            parts = urlsplit(url)
            is_host = parts.scheme in ("http", "https") and parts.hostname and "@" not in url
            if not is_host or parts.path.strip("/"):
                shown = f"…@{url.rpartition('@')[2]}" if "@" in url else url
                raise SettingInvalid(
                    "AWS_ENDPOINT_URL", shown, "Give http://host:port or https://host; none for AWS"
                )
        return cls(
            url=url.rstrip("/") if url else None,
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
            ca_bundle=environ.get("AWS_CA_BUNDLE") or None,
        )

    def __str__(self) -> str:
        return self.url or f"AWS S3 in {self.region}"

    @property
    def is_aws(self) -> bool:
        """Whether it is AWS, be its URL given or not."""
        host = urlsplit(self.url or "").hostname
        return host is None or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    @property
    def partition(self) -> str:
        """The first word of resource names: AWS has other ones in China and for governments."""
        if not self.is_aws:
            return "aws"
        return str(boto3.Session().get_partition_for_region(self.region))

    def client(self, keys: Keys | None = None, session: boto3.Session | None = None) -> Any:
        """An S3 client that names buckets in the path.

        Args:
            keys: Whose; without them what the environment, the profile or the host's role gives.
            session: One for several clients is quicker: it reads once what S3 can do.
        """
        return (session or boto3.Session()).client(
            "s3",
            endpoint_url=self.url,
            region_name=self.region,
            verify=self.ca_bundle,
            aws_access_key_id=keys and keys.access_key,
            aws_secret_access_key=keys and keys.secret_key,
            config=Config(
                s3={"addressing_style": "path"},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                retries={"total_max_attempts": 2, "mode": "standard"},
                ignore_configured_endpoint_urls=True,  # an empty AWS_ENDPOINT_URL means AWS
            ),
        )

    def http(self) -> httpx.Client:
        """A client for requests that nobody signs."""
        trusted = ssl.create_default_context(cafile=self.ca_bundle) if self.ca_bundle else True
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        return httpx.Client(verify=trusted, timeout=timeout)

    def address(self, client: Any, bucket: str = "", key: str = "") -> str:
        """The URL of the endpoint, a bucket or an object, the bucket named in the path."""
        path = "/".join(part for part in (bucket, quote(key)) if part)
        return f"{(self.url or client.meta.endpoint_url).rstrip('/')}/{path}"


@dataclass(frozen=True)
class Store:
    """An endpoint and what Headrace keeps there; None for what lies on disk."""

    endpoint: Endpoint
    lake: Location | None
    landing: Location | None

    @classmethod
    def from_environment(cls, settings: Settings, environ: Mapping[str, str]) -> "Store":
        """The store that settings and environment name.

        Raises:
            SettingInvalid: A setting that cannot be used.
        """
        return cls(
            endpoint=Endpoint.from_environment(environ),
            lake=Location.of("HEADRACE_LAKE", settings.lake),
            landing=Location.of("HEADRACE_LANDING", settings.landing),
        )

    @property
    def locations(self) -> tuple[Location, ...]:
        """What lies in the store, the lake first."""
        return tuple(location for location in (self.lake, self.landing) if location is not None)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets of the locations, each once."""
        return tuple(dict.fromkeys(location.bucket for location in self.locations))


def addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """What a host's name stands for.

    Raises:
        OSError: Nobody knows the name.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found]


def code(error: ClientError) -> str:
    """The store's own word for why it refused."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status(error: ClientError) -> int:
    """The HTTP status of a refusal."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def described(error: BaseException) -> str:
    """What went wrong with a request, in one line."""
    if isinstance(error, ClientError):
        message = str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
        return f"{code(error)} ({message})" if message else code(error)
    if isinstance(error, BotoCoreError | httpx.HTTPError):
        return " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return str(error)
