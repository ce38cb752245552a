"""What an account may do in the store, and nothing else."""

from collections.abc import Iterable
from typing import Any

from headrace_launcher.object_store.endpoint import Location, Store
from headrace_schemas.accounts import PUBLISHED, RIGHTS, Account

READ = ("s3:GetObject",)

WRITE = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject")

REMOVE = ("s3:DeleteObject",)

FOLDER_OBJECT = ("s3:PutObject",)

BUCKET_ACTIONS = ("s3:ListBucket", "s3:ListBucketMultipartUploads")
"""For whole buckets: whoever may list only below a prefix is answered 403, not 404, for an object
that is not there, and every reader of Delta asks for such objects."""

Statement = dict[str, Any]


def policy(store: Store, own_account: bool = False) -> dict[str, Any]:
    """The policy of one account that does all of the work.

    Args:
        own_account: Deny what a MinIO user may do with itself: change its secret, and make further
            keys that would outlive a change of its own. AWS does not know these actions.
    """
    everything = [name for location in store.locations for name in _whole(location)]
    return _document(store, _allowed((*READ, *WRITE, *REMOVE), everything), own_account)


def account_policy(store: Store, account: Account, own_account: bool = False) -> dict[str, Any]:
    """The policy of one stage's account: its rights, and no more.

    Args:
        own_account: As for `policy`.
    """
    rights = RIGHTS[account]
    reads = [
        *(_whole(store.lake) if rights.reads_lake else ()),
        *(_whole(store.landing) if rights.reads_landing else ()),
    ]
    writes = _below(store.lake, rights.writes)
    if rights.lands:
        writes += _below(store.landing, ("",))
    removes = _below(store.lake, rights.removes)
    # Arrow puts an empty object for the folder out of which it has removed something.
    folders = [f"{name}/" for name in removes if name not in writes]
    # Spark writes the checksum of a commit under a hidden name and renames it: a copy and a removal.
    tables = [area for area in rights.writes if area in PUBLISHED]
    drafts = [f"{name}/_delta_log/.*.tmp" for name in _below(store.lake, tables)]
    statements = [
        *_allowed(READ, reads),
        *_allowed(WRITE, writes),
        *_allowed(REMOVE, [*removes, *drafts]),
        *_allowed(FOLDER_OBJECT, folders),
    ]
    if store.endpoint.is_aws and any(area.split("/")[0] in PUBLISHED for area in rights.writes):
        statements += _conditional_commits(store.lake)
    return _document(store, statements, own_account)


def is_same(document: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two policies say the same; servers give lists back in their own order."""
    return _plain(document) == _plain(other)


def _whole(location: Location | None) -> list[str]:
    """A location, itself too: readers ask whether it is an object before they list below it."""
    if location is None:
        return []
    itself = [f"{location.bucket}/{location.prefix}"] if location.prefix else []
    return [*itself, f"{location.bucket}/{location.key('*')}"]


def _below(location: Location | None, areas: Iterable[str]) -> list[str]:
    """What lies in areas, the empty object that stands for a folder among it."""
    if location is None:
        return []
    return [f"{location.bucket}/{location.key(*filter(None, (area, '*')))}" for area in areas]


def _allowed(actions: Iterable[str], names: Iterable[str]) -> list[Statement]:
    """A statement; none where there is nothing that it speaks of."""
    found = list(dict.fromkeys(names))
    return [{"Effect": "Allow", "Action": sorted(actions), "Resource": found}] if found else []


def _conditional_commits(lake: Location | None) -> list[Statement]:
    """That a commit replaces none, which AWS can say and MinIO cannot.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html: parts of
    an upload have no condition and create no object; what completes the upload has and does.
    """
    if lake is None:
        return []
    return [
        {
            "Effect": "Deny",
            "Action": ["s3:PutObject"],
            "Resource": [f"{lake.bucket}/{lake.key('*', '_delta_log', '*.json')}"],
            "Condition": {
                "Null": {"s3:if-none-match": "true"},
                "Bool": {"s3:ObjectCreationOperation": "true"},
            },
        }
    ]


def _document(store: Store, objects: list[Statement], own_account: bool) -> dict[str, Any]:
    arn = f"arn:{store.endpoint.partition}:s3:::"
    statements = [
        {**statement, "Resource": [f"{arn}{name}" for name in statement["Resource"]]}
        for statement in [*_allowed(BUCKET_ACTIONS, store.buckets), *objects]
    ]
    if own_account:
        statements.append({"Effect": "Deny", "Action": ["admin:*"]})
    return {"Version": "2012-10-17", "Statement": statements}


def _plain(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            key: sorted(value) if isinstance(value, list) else value
            for key, value in statement.items()
        }
        for statement in document.get("Statement", [])
    ]
