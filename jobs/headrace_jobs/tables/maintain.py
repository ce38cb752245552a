"""Job `maintain`: keep what is promised of some tables, and remove the rest.

Small files become fewer; what neither the declared history nor a pin nor a running job needs is
removed: data files, log entries, staged batches, gate records. Rows never change. A job that was cut
off is run again, and goes on.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.lake import files
from headrace_jobs.lake.compaction import compact
from headrace_jobs.lake.delta_log import DeltaLog, LogIncomplete
from headrace_jobs.lake.files import ListedFile
from headrace_jobs.lake.removal import RetainedFiles, remove_needless
from headrace_jobs.sources.copies import copies_of
from headrace_schemas.errors import ClockSkewed
from headrace_schemas.planning.pins import Pin
from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainReport, MaintainSpec

log = logging.getLogger(__name__)

MOST_SKEW = timedelta(hours=1)

UNCOMMITTED = timedelta(days=1)
"""Beside a job's time limit: how old a file is at least of which the log says nothing."""

PUBLISHED_STAGING, STAGING = timedelta(days=1), timedelta(days=14)
"""How long a staged batch is kept: one that is in its table for a day, in which `gate` or `publish`
can be cleared alone; one that is not, until somebody has looked at why."""


def run(spark: SparkSession, spec: MaintainSpec) -> MaintainReport:
    """Look after the tables of the spec.

    Raises:
        ClockSkewed: By this machine's clock young files could be taken for old; nothing was removed.
        WriteConflict: Another writer committed first; nothing was removed of that table.
    """
    return maintain(spark, spec, datetime.now(tz=UTC))


def maintain(spark: SparkSession, spec: MaintainSpec, now: datetime) -> MaintainReport:
    """Look after the tables, as it is `now`."""
    refuse_skew(spec, now)
    figures: Counter[str] = Counter()
    notes: list[str] = []
    for table in spec.tables:
        delta_log = DeltaLog.at(table.uri)
        if delta_log is None:
            continue
        refuse_late_commits(table, delta_log, now)
        if not spec.is_written:
            figures["files_joined"] += compact(spark, table, delta_log, commit_note(spec))
            delta_log = DeltaLog.at(table.uri) or delta_log
        notes += clean_table(spec, table, delta_log, now, figures)
    clean_staging(spec, now, figures)
    clean_records(spec, now, figures)
    log.info("%s", ", ".join(f"{name} {value:,}" for name, value in sorted(figures.items())))
    return MaintainReport(
        job_id=spec.job_id,
        metrics={key: float(value) for key, value in sorted(figures.items())},
        notes=tuple(notes),
    )


def refuse_skew(spec: MaintainSpec, now: datetime) -> None:
    """Compare this machine's clock with the time that the store gives a file written now.

    Raises:
        ClockSkewed: They differ by more than an hour.
    """
    folder = f"{spec.staging_uri.rstrip('/')}/clock"
    name = f"{spec.job_id}.txt"
    files.write_text(folder, name, "What time is it in the store?\n")
    try:
        (probe,) = [file for file in files.below(folder) if file.path == name]
    finally:
        files.remove_files(folder, [name])
    if abs(now - probe.written_at) > MOST_SKEW:
        ahead = (now - probe.written_at).total_seconds()
        raise ClockSkewed(spec.staging_uri, ahead, "the store's")


def refuse_late_commits(table: MaintainedTable, delta_log: DeltaLog, now: datetime) -> None:
    """A commit of tomorrow says that this clock is behind, or that the writer's was ahead.

    Raises:
        ClockSkewed: There is one.
    """
    newest = max(commit.written_at for commit in delta_log.commits.values())
    if newest > now + MOST_SKEW:
        ahead = (now - newest).total_seconds()
        raise ClockSkewed(table.name, ahead, "the table's newest commit")


def clean_table(
    spec: MaintainSpec,
    table: MaintainedTable,
    delta_log: DeltaLog,
    now: datetime,
    figures: Counter[str],
) -> list[str]:
    """Remove what nobody needs of a table; what a person should know of it."""
    listed = files.below(table.uri)
    written_before = now - timedelta(minutes=spec.time_limit_minutes) - UNCOMMITTED
    counted(figures, "before", listed)
    try:
        entries, data, kept = remove_needless(table, delta_log, listed, now, written_before)
    except LogIncomplete as error:
        counted(figures, "after", listed)
        return [f"{table.name}: nothing is removed, since its log has a gap: {error}"]
    figures["log_entries_removed"] += len(entries)
    figures["data_files_removed"] += len(data)
    figures["bytes_removed"] += sum(file.size for file in (*entries, *data))
    counted(figures, "after", files.below(table.uri))
    return notes_about(table, kept)


def counted(figures: Counter[str], when: str, listed: Sequence[ListedFile]) -> None:
    """Add a table's files to those of the others."""
    figures[f"files_{when}"] += len(listed)
    figures[f"bytes_{when}"] += sum(file.size for file in listed)


def notes_about(table: MaintainedTable, kept: RetainedFiles) -> list[str]:
    """What each pin keeps, and which could not keep anything."""
    lines = [
        f"{worded(table, pin)}: {size:,} bytes by it alone" for pin, size in kept.by_pin.items()
    ]
    return lines + [f"{worded(table, pin)}: the version was gone before" for pin in kept.gone]


def worded(table: MaintainedTable, pin: Pin) -> str:
    """A pin in a line."""
    return f"{table.name} version {pin.version} is kept, {pin.kind.value}: {pin.why}"


def clean_staging(spec: MaintainSpec, now: datetime, figures: Counter[str]) -> None:
    """Remove staged batches that are in the table, or that nobody came back to."""
    used = {folder.rstrip("/") for folder in spec.running}
    used |= {copies_of(folder) for folder in used}
    published = {folder.rstrip("/") for folder in spec.published}
    for unit, found in units(spec.staging_uri, 2).items():
        uri = f"{spec.staging_uri.rstrip('/')}/{unit}"
        if any(folder == uri or folder.startswith(f"{uri}/") for folder in used):
            continue
        is_done = uri.endswith("_delivered") or any(
            folder == uri or folder.startswith(f"{uri}/") for folder in published
        )
        age = now - max(file.written_at for file in found)
        if age > (PUBLISHED_STAGING if is_done else STAGING):
            remove_unit(uri, found, "staging", figures)


def clean_records(spec: MaintainSpec, now: datetime, figures: Counter[str]) -> None:
    """Remove gate records that are older than the history of the table."""
    if spec.gates_uri is None:
        return
    longest = timedelta(days=max(table.history_days for table in spec.tables))
    for unit, found in units(spec.gates_uri, 1).items():
        if now - max(file.written_at for file in found) > longest:
            remove_unit(f"{spec.gates_uri.rstrip('/')}/{unit}", found, "gate_records", figures)


def units(root: str, steps: int) -> dict[str, list[ListedFile]]:
    """The files below a folder by the first steps of their paths."""
    found: dict[str, list[ListedFile]] = {}
    for file in files.below(root):
        unit = "/".join(file.path.split("/")[:steps])
        if file.path.count("/") >= steps:
            found.setdefault(unit, []).append(file)
    return found


def remove_unit(uri: str, found: Iterable[ListedFile], kind: str, figures: Counter[str]) -> None:
    """Remove a folder as a whole."""
    files.remove(uri)
    figures[f"{kind}_removed"] += 1
    figures["bytes_removed"] += sum(file.size for file in found)
