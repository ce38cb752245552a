"""What the jobs' account may do in the store, and nothing else."""

from typing import Any

from headrace_launcher.object_store.endpoint import Store

OBJECT_ACTIONS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)

BUCKET_ACTIONS = ("s3:ListBucket", "s3:ListBucketMultipartUploads")
"""For whole buckets: whoever may list only below a prefix is answered 403, not 404, for an object
that is not there, and every reader of Delta asks for such objects."""


def policy(store: Store, own_account: bool = False) -> dict[str, Any]:
    """The policy of the jobs' account.

    Args:
        own_account: Deny what a MinIO user may do with itself: change its secret, and make further
            keys that would outlive a change of its own. AWS does not know these actions.
    """
    name = f"arn:{store.endpoint.partition}:s3:::"
    objects: list[str] = []
    for one in store.locations:
        # The prefix itself too: readers ask whether it is an object before they list below it.
        objects += [f"{name}{one.bucket}/{one.prefix}"] if one.prefix else []
        objects += [f"{name}{one.bucket}/{one.key('*')}"]
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(BUCKET_ACTIONS),
            "Resource": [f"{name}{bucket}" for bucket in store.buckets],
        },
        {
            "Effect": "Allow",
            "Action": list(OBJECT_ACTIONS),
            "Resource": list(dict.fromkeys(objects)),
        },
    ]
    if own_account:
        statements.append({"Effect": "Deny", "Action": ["admin:*"]})
    return {"Version": "2012-10-17", "Statement": statements}


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two policies say the same; servers give lists back in their own order."""
    return _plain(one) == _plain(other)


def _plain(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {key: sorted(value) if isinstance(value, list) else value for key, value in one.items()}
        for one in document.get("Statement", [])
    ]
