"""Plain files of an object store, seen from Airflow: found by pattern, read whole.

Endpoint and keys come from the usual `AWS_*` variables, as for every other reader of the lake.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import translate
from typing import Any

from headrace_schemas.errors import EngineUnavailable


def is_remote(uri: str) -> bool:
    """Whether a URI names an object store and not a local path."""
    return uri.startswith(("s3://", "s3a://"))


def matching(root: str, pattern: str) -> list[str]:
    """URIs below `root` whose rest matches a glob pattern, in the order of their names.

    `*` and `?` stay within one step of the path, as on a disk.

    Raises:
        EngineUnavailable: The store cannot be read.
    """
    bucket, prefix = parts(root)
    steps = [re.compile(translate(step)) for step in pattern.split("/")]
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    below = f"{prefix}/" if prefix else ""
    found = []
    with answering(root) as client:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{below}{fixed}"
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                names = entry["Key"].removeprefix(below).split("/")
                # A key that ends in a slash stands for a folder.
                if (
                    names[-1]
                    and len(names) == len(steps)
                    and all(step.match(name) for step, name in zip(steps, names, strict=True))
                ):
                    found.append(f"{root.rstrip('/')}/{'/'.join(names)}")
    return sorted(found)


def read(uri: str) -> bytes | None:
    """A file's bytes; None if there is none.

    Raises:
        EngineUnavailable: The store cannot be read.
    """
    from botocore.exceptions import ClientError  # heavy

    bucket, key = parts(uri)
    with answering(uri) as client:
        try:
            content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
    return content


def parts(uri: str) -> tuple[str, str]:
    """Bucket and key of a URI; a key may hold what ends the path of a web address."""
    bucket, _, key = uri.partition("://")[2].partition("/")
    return bucket, key.strip("/")


@contextmanager
def answering(uri: str) -> Iterator[Any]:
    """A client of the store; its errors become ours."""
    import boto3  # heavy: reading a Dag file must not load it
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    style = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5})
    region = os.environ.get("AWS_REGION")  # boto3 itself reads another variable
    try:
        # A session of its own: boto3's default one keeps the first keys that it ever saw.
        yield boto3.Session().client("s3", config=style, region_name=region)
    except (BotoCoreError, ClientError) as error:
        raise EngineUnavailable("object store", uri, str(error)) from error
