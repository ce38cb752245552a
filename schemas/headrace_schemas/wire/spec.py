"""What is asked of a job: the fields that all specs have, and tables at pinned versions."""

from pydantic import Field

from headrace_schemas.declarations.declaration import Frozen


class PinnedTable(Frozen):
    """A table at the version a job reads: never "the latest"."""

    name: str
    uri: str
    version: int = Field(ge=0)


class PinnedInput(Frozen):
    """A transform's input.

    Attributes:
        partitions: Keys that are read, oldest first; None for the whole table.
    """

    table: PinnedTable
    partitions: tuple[str, ...] | None = None


class JobSpec(Frozen):
    """What every spec carries; a class of its own for each job adds what that one needs.

    Attributes:
        job: Which job is asked for: a default of each class.
        job_id: Names this attempt; safe as a folder name.
        run_id: Airflow's run, or whoever else asked.
        headrace_version: Of the asking side.
    """

    job: str
    job_id: str = Field(pattern=r"^[A-Za-z0-9._+=-]{1,200}$")
    run_id: str
    headrace_version: str


def pinned_in(spec: object) -> list[PinnedTable]:
    """Every table version that a spec names, however deep."""
    if isinstance(spec, PinnedTable):
        return [spec]
    if isinstance(spec, Frozen):
        return pinned_in([getattr(spec, name) for name in type(spec).model_fields])
    if isinstance(spec, dict):
        return pinned_in(list(spec.values()))
    if isinstance(spec, list | tuple):
        return [table for value in spec for table in pinned_in(value)]
    return []
