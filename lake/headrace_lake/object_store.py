"""Plain files of an object store: found by pattern, read whole.

Endpoint and keys come from the usual `AWS_*` variables, as for every other reader of the lake.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import translate
from typing import Any

from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.places import Place


def matching(root: Place, pattern: str) -> list[str]:
    """URIs below `root` whose rest matches a glob pattern, in the order of their names.

    `*` and `?` stay within one step of the path, as on a disk.

    Raises:
        EngineUnavailable: The store cannot be read.
    """
    steps = [re.compile(translate(step)) for step in pattern.split("/")]
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    below = f"{root.key}/" if root.key else ""
    found = []
    with answering(root.uri) as client:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=root.bucket, Prefix=f"{below}{fixed}"
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
                    found.append(f"{root.uri.rstrip('/')}/{'/'.join(names)}")
    return sorted(found)


def read(place: Place) -> bytes | None:
    """A file's bytes; None if there is none.

    Raises:
        EngineUnavailable: The store cannot be read.
    """
    from botocore.exceptions import ClientError  # heavy

    with answering(place.uri) as client:
        try:
            content: bytes = client.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
    return content


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
