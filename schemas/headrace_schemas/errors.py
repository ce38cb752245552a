"""Every error a user can meet, as a class with fields.

A message says where, what, the value and what to do. `retryable` says to Airflow whether trying again
can help.
"""

from collections.abc import Sequence
from typing import ClassVar

SHOWN = 10
"""How many entries of a list a message shows; the rest is counted."""

SHOWN_DAMAGES = 3
"""How many damages of a table one message shows; each says what to do and is long."""


def listed(entries: Sequence[object]) -> str:
    """The first entries joined by commas, and how many more there are."""
    shown = ", ".join(str(entry) for entry in entries[:SHOWN])
    return shown if len(entries) <= SHOWN else f"{shown} and {len(entries) - SHOWN} more"


class HeadraceError(Exception):
    """What all errors here derive from; the constructor's fields travel in a JobReport."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class UnknownTable(HeadraceError, KeyError):
    """A name that no contract or pipeline declares."""

    def __init__(self, name: str, where: str, known: Sequence[str]) -> None:
        super().__init__(
            f"{where}: table {name} is not declared. Declared tables: {listed(known)}.",
            name=name,
            where=where,
            known=list(known),
        )

    __str__ = Exception.__str__  # KeyError would show the quoted repr


class TableMissing(HeadraceError, KeyError):
    """A name under which nothing lies in the lake."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"the lake has no table {name}. Tables there: {listed(known) or 'none'}.",
            name=name,
            known=list(known),
        )

    __str__ = Exception.__str__  # KeyError would show the quoted repr


class TableDamaged(HeadraceError):
    """Files of a table by which readers would miss rows, see others, or stop."""

    def __init__(self, table: str, problems: Sequence[str]) -> None:
        shown = " ".join(problems[:SHOWN_DAMAGES])
        more = f" And {len(problems) - SHOWN_DAMAGES} more." if problems[SHOWN_DAMAGES:] else ""
        super().__init__(
            f"{table} is damaged: {shown}{more} `headrace fsck {table}` shows all.",
            table=table,
            problems=list(problems[:SHOWN]),
        )


class GateFailed(HeadraceError):
    """A table-level critical rule did not hold, or too few rows were left: nothing was published.

    Args:
        rules: What does not hold; where quarantine took most of the batch, its rules come first.
        emptied: How much of the batch quarantine would take; empty where it is not too much.
    """

    def __init__(
        self, table: str, partition: str | None, rules: Sequence[str], emptied: str = ""
    ) -> None:
        batch = f" [{partition}]" if partition else ""
        super().__init__(
            f"{table}{batch}: {len(rules)} critical rule(s) do not hold: "
            f"{'; '.join(rules[:SHOWN])}. {emptied}"
            "Nothing was published. Fix the source and run the load again, or change the rule "
            "in the contract.",
            table=table,
            partition=partition,
            rules=list(rules[:SHOWN]),
            emptied=emptied,
        )


class SourceMissing(HeadraceError, FileNotFoundError):
    """A batch that is due has no file yet."""

    retryable = True

    def __init__(self, table: str, pattern: str) -> None:
        super().__init__(
            f"{table}: no file matches {pattern}. Deliver the file, or correct `source.files` "
            "in the pipeline.",
            table=table,
            pattern=pattern,
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class SourceInvalid(HeadraceError, ValueError):
    """A delivered file that is damaged or is not what the contract says."""

    def __init__(self, file: str, problem: str, advice: str, line: int | None = None) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(
            f"{where}: {problem}. {advice}", file=file, problem=problem, line=line, advice=advice
        )


class SourceChanged(HeadraceError):
    """A delivered file that somebody wrote to while it was read; nothing was staged."""

    retryable = True

    def __init__(self, table: str, file: str) -> None:
        super().__init__(
            f"{table}: {file} changed while it was read. Deliver a file under another name and "
            "rename it when it is whole; the task tries again.",
            table=table,
            file=file,
        )


class SchemaBroken(HeadraceError, ValueError):
    """Columns of a batch that do not fit the contract's."""

    def __init__(self, table: str, problem: str, columns: Sequence[str], advice: str) -> None:
        super().__init__(
            f"{table}: {problem}: {listed(columns)}. {advice}",
            table=table,
            problem=problem,
            columns=list(columns),
        )
        self.parts = (table, problem, tuple(columns), advice)

    def of(self, where: str) -> "SchemaBroken":
        """The same, said of one file of several."""
        table, problem, columns, advice = self.parts
        return SchemaBroken(table, f"{where}: {problem}", columns, advice)


class RowUnreadable(HeadraceError, ValueError):
    """A row of the ledger or of monitoring that this version of Headrace does not know."""

    def __init__(self, table: str, problem: str) -> None:
        super().__init__(
            f"{table}: a row cannot be read: {problem}. Another version of Headrace may have written "
            "it: use that one.",
            table=table,
            problem=problem,
        )


class StaleInput(HeadraceError):
    """An input that has never been published, or lacks the partition that is asked for."""

    retryable = True

    def __init__(self, table: str, needs: str, partition: str | None = None) -> None:
        what = f"partition {partition}" if partition else "any version"
        super().__init__(
            f"{table}: needs {needs}, which has not published {what} yet. Run {needs} first.",
            table=table,
            needs=needs,
            partition=partition,
        )


class VersionGone(HeadraceError, LookupError):
    """A version of a table that was asked for after its history had ended, and that nothing pinned."""

    def __init__(self, table: str, version: int, history: str) -> None:
        super().__init__(
            f"{table}: version {version} is gone: {history} of history are kept, and no pin held "
            "it. Run the task from its plan again, which takes the newest version. For another "
            "time: `headrace pins hold`, or a longer `history_days` in the pipeline.",
            table=table,
            version=version,
            history=history,
        )


class ClockSkewed(HeadraceError):
    """A clock that is not the store's: by it, what is young would be taken for old. Nothing was removed."""

    def __init__(self, where: str, seconds: float, than: str) -> None:
        side = "ahead of" if seconds > 0 else "behind"
        super().__init__(
            f"{where}: this machine's clock is {abs(seconds) / 3600:.1f} h {side} {than}, so nothing "
            "that is old can be told from what is new. Nothing was removed. Set the clock.",
            where=where,
            seconds=round(seconds),
            than=than,
        )


class TransformInvalid(HeadraceError, ValueError):
    """A transform that cannot be found, or whose parameters are not the declared inputs."""

    def __init__(self, table: str, transform: str, problem: str) -> None:
        super().__init__(
            f"{table}: transform {transform}: {problem}.",
            table=table,
            transform=transform,
            problem=problem,
        )


class VersionSkew(HeadraceError):
    """Airflow's side and the job's side run different versions of Headrace."""

    def __init__(self, spec_version: str, job_version: str) -> None:
        super().__init__(
            f"the job was asked for by headrace {spec_version} and is run by {job_version}. "
            "Install one version on both sides.",
            spec_version=spec_version,
            job_version=job_version,
        )


STORES = ("lake", "object store")

SKEWED = "RequestTimeTooSkewed"
"""What S3 calls a request of another time."""


class EngineUnavailable(HeadraceError, ConnectionError):
    """Spark, the job host, the registry or a store does not answer."""

    retryable = True

    def __init__(self, engine: str, where: str, problem: str) -> None:
        advice = "`headrace status` shows whether it runs."
        if engine in STORES:
            advice = "`headrace doctor` looks at an object store."
        if SKEWED in problem:
            advice = f"This machine's clock is not the store's: run NTP on both. {advice}"
        super().__init__(
            f"{engine} at {where}: {problem.rstrip('.')}. {advice}",
            engine=engine,
            where=where,
            problem=problem,
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class StorageFull(HeadraceError, OSError):
    """A disk or an object store without room; what was published before is as it was."""

    retryable = True

    def __init__(self, job: str, problem: str) -> None:
        super().__init__(
            f"{job}: no space left on the storage that it writes to ({problem}). What was published "
            "before is as it was. Free some space: old staging and job folders go first.",
            job=job,
            problem=problem,
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class WriteConflict(HeadraceError):
    """Another writer committed to the same table first; nothing was written."""

    retryable = True

    def __init__(self, table: str, operation: str) -> None:
        super().__init__(
            f"{table}: another writer committed during {operation}; nothing was written. "
            "The task tries again.",
            table=table,
            operation=operation,
        )


class CommitsUnsafe(HeadraceError):
    """A lake on S3 with a Spark whose commits could overwrite those of another; nothing was written."""

    def __init__(self, uri: str, problem: str, advice: str) -> None:
        super().__init__(
            f"{uri}: {problem}, so another writer's commit could be lost. Nothing was written. "
            f"{advice}",
            uri=uri,
            problem=problem,
            advice=advice,
        )


class JobCrashed(HeadraceError):
    """A job process that ended without a report."""

    retryable = True

    def __init__(self, job: str, job_dir: str) -> None:
        super().__init__(
            f"job {job} ended without a report. Its log: {job_dir}/job.log.",
            job=job,
            job_dir=job_dir,
        )


class TimeLimitPassed(HeadraceError, TimeoutError):
    """A job that was ended because it ran longer than it may.

    Tried again once: what hung may work the next time, what is slow will not get faster.
    """

    retryable = True

    def __init__(self, job: str, job_dir: str, minutes: int, declared: str) -> None:
        super().__init__(
            f"job {job}: was ended after {minutes} minutes, its limit by {declared}. "
            f"Its log says what it did last: {job_dir}/job.log. If it only needs longer, raise the "
            "limit.",
            job=job,
            job_dir=job_dir,
            minutes=minutes,
            declared=declared,
        )

    __str__ = Exception.__str__  # OSError would show errno and filename


class JobFailed(HeadraceError):
    """A job that reported an error which trying again may cure."""

    retryable = True

    def __init__(self, job: str, job_dir: str, type: str, problem: str) -> None:
        super().__init__(
            f"job {job}: {type}: {problem} Its log: {job_dir}/job.log.",
            job=job,
            job_dir=job_dir,
            type=type,
            problem=problem,
        )


class ConnectionInvalid(HeadraceError, LookupError):
    """An Airflow connection that is missing or says something a job cannot use."""

    def __init__(self, connection: str, problem: str, advice: str) -> None:
        super().__init__(
            f"Airflow connection {connection}: {problem}. {advice}",
            connection=connection,
            problem=problem,
            advice=advice,
        )


class SecretUnreadable(HeadraceError):
    """A file that should hold a secret cannot be read, or holds something else."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(
            f"The secret in {file} cannot be read: {problem}. Give the file to the user that "
            "Headrace runs as, with the content that `headrace env` writes.",
            file=file,
            problem=problem,
        )
