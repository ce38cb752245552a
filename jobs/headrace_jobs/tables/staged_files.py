"""Publishes a batch by its files: copied into the table's folder as the gate wrote them, and named there.

No row is read or written, and Spark does nothing. It is for a batch that takes the place of its
partition, or of the whole table, in a table that has the columns already; whatever else a batch
needs of its table is Spark's to do. The files have the gate's columns beside those of the table, and
Delta's readers, who ask for the table's by name, do not see them.
"""

from headrace_jobs.lake import data_files, files, placed_files
from headrace_jobs.lake.files import ListedFile
from headrace_jobs.sources.columns import LOAD_FAILURES, RAW
from headrace_jobs.tables import repeats
from headrace_jobs.tables.row_rules import BROKEN, OUTCOME, PASSED, RULE_IDS, UNEVALUATED
from headrace_lake.versions import open_table
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.declarations.pipeline import WriteMode
from headrace_schemas.wire.spec import PinnedTable
from headrace_schemas.wire.table_jobs import PublishSpec

WORKING_COLUMNS = (LOAD_FAILURES, RAW, BROKEN, UNEVALUATED, RULE_IDS, OUTCOME)
"""What the gate's rows have beside the table's columns."""


def of_outcome(gated_uri: str, outcome: str) -> list[ListedFile]:
    """The files of a gated batch's rows with one outcome; their paths are below `gated_uri`."""
    return [
        file
        for file in files.below(gated_uri)
        if file.path.startswith(f"{OUTCOME}={outcome}/") and file.path.endswith(".parquet")
    ]


def publish(spec: PublishSpec, note: str) -> tuple[PinnedTable, int] | None:
    """Commit the rows that pass by their files; the version, and how many rows there are.

    None if Spark has to write them, and nothing was done then.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    name, uri = spec.build.name, spec.table_uri
    table = open_table(uri)
    staged = of_outcome(spec.gated_uri, PASSED)
    if table is None or not staged or spec.build.write is not WriteMode.REPLACE_PARTITION:
        return None
    columns = [field.name for field in table.schema().fields if field.name != PARTITION]
    given = [data_files.read(spec.gated_uri, file.path, columns) for file in staged]
    key = None if spec.partition is None else spec.partition.key
    version = placed_files.placed(
        uri, name, spec.gated_uri, given, key, note, WORKING_COLUMNS, repeats.batch_of
    )
    if version is None:
        return None
    return PinnedTable(name=name, uri=uri, version=version), sum(file.rows for file in given)
