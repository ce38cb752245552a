"""What an error of Spark, Delta or gRPC means to the one who asked for the job.

The two engines wrap the same error in different classes; what they share is Spark's error condition
and the text. Texts are shown without what stands in single quotes: that is where Spark puts values
of rows.
"""

import re
import sys

from pyspark.errors import PySparkException

from headrace_jobs.engine.store_errors import is_store_away, store_unavailable
from headrace_schemas.errors import EngineUnavailable, HeadraceError, StorageFull
from headrace_schemas.wire.report import JobError

CONFLICTS = re.compile(
    r"DELTA_CONCURRENT_|DELTA_METADATA_CHANGED|DELTA_PROTOCOL_CHANGED"
    r"|Concurrent(Append|Write|DeleteRead|DeleteDelete|Transaction|Modification)Exception"
    r"|(Metadata|Protocol)ChangedException"
)
"""Another writer was first."""

LOST = re.compile(
    r"StatusCode\.(UNAVAILABLE|UNAUTHENTICATED)|INVALID_HANDLE\.(SESSION|OPERATION)_|SESSION_CLOSED|NO_ACTIVE_SESSION"
    r"|engine lost:|SparkContext (was|has been) shut ?down|stopped SparkContext|Could not recover from a failed"
    r"|failed to connect to all addresses|[Ss]ocket closed|[Kk]eepalive|ExecutorLostFailure"
    r"|BarrierJobSlotsNumberCheckFailed"
)
"""The engine went away under the job. A job's own session is open until its end, so one that is not
active is one that a restarted server no longer knows; or that server takes another token. An
executor that is lost took its work along, even the only one of a machine that slept: its heartbeats
stop. And a training counts the slots before it starts: those that Spark misses then were lost in
between."""

REFUSED = re.compile(r"xgboost[.\w]*\.XGBoostError: (?:\[[\d:]+\] )?(?:/\S+:\d+: )?([^\n]+)")
"""What XGBoost says of parameters or rows, within the trace of a barrier stage that failed for it."""

OF_WORKERS = re.compile(
    r"src/collective/|rabit|tracker|socket|[Cc]onnection|[Tt]imeout|allreduce|ExecutorLostFailure"
)
"""One worker's word on others that are gone: the training can be tried again."""

FULL = re.compile(
    r"No space left on device|Disk quota exceeded|X?MinioStorageFull|StorageFull\b|disk is full"
)
"""What disks and object stores say that have no room, anywhere in an error and its causes."""

CONNECTION_ERRORS = frozenset({"Py4JNetworkError", "Py4JError"})
"""By name: py4j exists only beside a classic session. Python's own ConnectionError is what comes of it
once Java is no more."""

SHOWN_TEXT = 300


def query_errors() -> tuple[type[Exception], ...]:
    """What a query that fails raises.

    Where Spark waits for a thread of its own, such as that of a subquery, PySpark leaves the error
    to py4j, which exists only beside a classic session.
    """
    py4j = sys.modules.get("py4j.protocol")
    return (PySparkException,) if py4j is None else (PySparkException, py4j.Py4JJavaError)


class EngineLost(RuntimeError):
    """The engine, or its store, went away while a library worked that keeps errors for itself.

    Attributes:
        text: All of what the library kept.
    """

    def __init__(self, text: str) -> None:
        super().__init__(f"engine lost: {without_values(text)}")
        self.text = text


def condition(error: BaseException) -> str:
    """Spark's name of the error, such as `DELTA_CONCURRENT_APPEND`; empty if it has none."""
    if not isinstance(error, PySparkException):
        return ""
    return error.getCondition() or ""


def matches(error: BaseException, pattern: re.Pattern[str]) -> bool:
    """Whether the condition, the class or the first line of the text says so."""
    code = getattr(error, "getGrpcStatusCode", lambda: "")()
    known = f"{condition(error)} {type(error).__name__} {code}"
    return bool(pattern.search(f"{known} {first_line(text_of(error))}"))


def is_conflict(error: BaseException) -> bool:
    """Whether another writer committed first; nothing was written then."""
    return matches(error, CONFLICTS)


def is_lost(error: BaseException) -> bool:
    """Whether the engine or its store went away, so that trying again can help."""
    gone = isinstance(error, ConnectionError) or type(error).__name__ in CONNECTION_ERRORS
    if gone or matches(error, LOST):
        return True
    return store_unavailable(error) is not None


def raise_if_lost(text: str) -> None:
    """Raise what a library has caught.

    Raises:
        EngineLost: `text` is that of an error which tells that the engine or its store went away.
    """
    if LOST.search(text) or is_store_away(text):
        raise EngineLost(text)


def refused_by_xgboost(error: BaseException) -> str | None:
    """What XGBoost has against parameters or rows; None if it is something else that failed.

    In the trace of a stage every worker may say that the others left; the one that speaks of
    something else is the one to be heard. Spark calls the stage lost in either case.
    """
    text = str(error)
    if "ExecutorLostFailure" in text:
        return None
    messages = [found[0] for found in REFUSED.finditer(text)]
    own = [message for message in messages if not OF_WORKERS.search(message)]
    match = REFUSED.search(own[0]) if own else None
    return match[1].strip().rstrip(".")[:SHOWN_TEXT] if match else None


def summary(error: BaseException) -> str:
    """The first line of an error's text, without values of rows."""
    return without_values(text_of(error))


def text_of(error: BaseException) -> str:
    """An error's text; without Py4J's own first line, which only names a variable of its."""
    text = str(error)
    return text.partition("\n: ")[2] if type(error).__name__ == "Py4JJavaError" else text


def without_values(text: str) -> str:
    """The first line of an engine's text, without what stands in single quotes."""
    return re.sub(r"'[^']*'", "'…'", first_line(text))[:SHOWN_TEXT]


def first_line(text: str) -> str:
    """What comes before the server's stack."""
    return text.strip().split("\n", 1)[0]


def no_room(error: BaseException) -> str | None:
    """What an error says of a storage without room; None if it is about something else."""
    found = FULL.search(str(error))
    if found is None and error.__cause__ is not None:
        return no_room(error.__cause__)
    return found[0] if found else None


def job_error(error: Exception, engine: str, job: str = "the job") -> JobError:
    """What a report says about `error`.

    Args:
        engine: Where Spark was asked for, in case it went away.
    """
    is_ours = isinstance(error, HeadraceError) and not isinstance(error, EngineUnavailable)
    if not is_ours and (problem := no_room(error)):
        error = StorageFull(job, problem)
    if not isinstance(error, HeadraceError) and (unavailable := store_unavailable(error)):
        error = unavailable
    if not isinstance(error, HeadraceError) and is_lost(error):
        error = EngineUnavailable("Spark", engine, f"went away during the job ({summary(error)})")
    if isinstance(error, HeadraceError):
        return JobError(
            type=type(error).__name__,
            message=error.message,
            retryable=error.retryable,
            fields=error.fields,
        )
    named = condition(error)
    fields = {"condition": named} if named else {}
    return JobError(
        type=type(error).__name__, message=summary(error), retryable=False, fields=fields
    )
