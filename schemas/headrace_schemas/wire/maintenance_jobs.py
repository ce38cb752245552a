"""What is asked of the job that looks after tables, and what it reports."""

from typing import Literal

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.planning.pins import Pin
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec


class MaintainedTable(Frozen):
    """One Delta table that is looked after.

    Attributes:
        history_days: How long its old versions stay readable without any pin.
        pins: What keeps versions beyond that.
        is_row_table: Whether jobs commit single rows to it without Spark; its files are joined without
            it, too.
    """

    name: str
    uri: str
    history_days: int
    pins: tuple[Pin, ...] = ()
    is_row_table: bool = False


class MaintainSpec(JobSpec):
    """Keep what is promised of some tables, and remove the rest of them.

    Attributes:
        staging_uri: Where their batches are staged; also where the store's clock is asked.
        gates_uri: Where the records of their batches are; None without any.
        running: Staging folders that jobs use now.
        published: Staging folders whose batches are in the table.
        is_written: Whether a job writes one of the tables now: then no files are made larger.
        time_limit_minutes: How long a job may take between its first file and its commit.
    """

    job: Literal["maintain"] = "maintain"
    tables: tuple[MaintainedTable, ...]
    staging_uri: str
    gates_uri: str | None = None
    running: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    is_written: bool = False
    time_limit_minutes: int


class MaintainReport(JobReport):
    """Tables were looked after; `metrics` counts files and bytes."""

    job: Literal["maintain"] = "maintain"
