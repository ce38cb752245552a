"""Rows of CSV files that are plainly written, as staged Parquet files: by Arrow, without Spark.

Each checked copy becomes a Parquet file in the contract's types, as Spark would have staged it, in
one pass and bounded memory. A row in which a text is odd is kept as text in a file beside it, and
Spark reads, casts and judges it as any other. What Arrow cannot read as a whole, because a line has
more or fewer values than there are columns, or declares otherwise than plainly, is left to Spark.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import reduce
from typing import Any, Self
from uuid import uuid4

import numpy as np
import pyarrow as pa
from pyarrow import compute, csv
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from headrace_jobs.lake import files
from headrace_jobs.lake.data_files import SPARK_SCHEMA
from headrace_jobs.lake.files import Copy
from headrace_jobs.lake.row_groups import RowGroups
from headrace_jobs.lake.tables import BATCH, SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.casts import stored
from headrace_jobs.sources.columns import LOAD_FAILURES, RAW, unknown_columns
from headrace_jobs.sources.copies import copies_of, copy_name
from headrace_jobs.sources.csv_rows import inner_names
from headrace_jobs.sources.ingest import Delivery
from headrace_jobs.sources.plain_values import PlainValues, arrow_type, plain_values
from headrace_jobs.sources.readings import are_texts_read_as_they_stand
from headrace_jobs.sources.spread import is_large, spread
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.declarations.source import Source
from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import ColumnType
from headrace_schemas.wire.table_jobs import LoadSpec

BLOCK_BYTES = 4 * 1024 * 1024
"""Of text, read at once. A longer line is Spark's."""

AT_ONCE = 2
"""Files that one process reads at once; each takes some row groups of memory."""

FAILURES = pa.list_(pa.string())


class PlainPart(Frozen):
    """What was made of one file.

    Attributes:
        path: The Parquet file of its plain rows, below the batch's copies.
        size: The bytes of that file.
        rows: How many there are.
        others_uri: The Parquet file of the other rows as text; None if there is none.
        others: How many there are.
    """

    path: str
    size: int
    rows: int
    others_uri: str | None
    others: int


class PlainForm(Frozen):
    """How the files of a batch are read.

    Attributes:
        batch: The batch's label.
        columns: Those of the contract, and then those that are kept beside them, each with its type.
        copies: Folder of the batch's copies.
    """

    batch: str
    source: Source
    columns: tuple[tuple[str, ColumnType], ...]
    copies: str

    @property
    def schema(self) -> Any:
        """What is staged: in Arrow's types, with Spark's in the place where Spark leaves and looks for them."""
        engine = {BATCH: "STRING", SOURCE_FILE: "STRING", SOURCE_ROW: "BIGINT"}
        typed = [*self.columns, *[(name, ColumnType.parse(type)) for name, type in engine.items()]]
        fields = [pa.field(name, arrow_type(type)) for name, type in typed]
        as_spark = [T.StructField(name, stored(type)) for name, type in typed]
        fields += [pa.field(LOAD_FAILURES, FAILURES), pa.field(RAW, pa.string())]
        as_spark += [
            T.StructField(LOAD_FAILURES, T.ArrayType(T.StringType())),
            T.StructField(RAW, T.StringType()),
        ]
        return pa.schema(fields, {SPARK_SCHEMA: T.StructType(as_spark).json()})

    @classmethod
    def of(cls, spec: LoadSpec, deliveries: Sequence[Delivery]) -> Self | None:
        """How a batch is read; None if its source says of values what only Spark's casts know."""
        source, contract = spec.build.source, spec.contract
        if source is None or source.format != "csv" or source.comment:
            return None
        if not (source.delimiter + source.quote).isascii():
            return None
        columns = {column.name: ColumnType.parse(column.type) for column in contract.columns}
        if None in map(arrow_type, columns.values()):
            return None
        if not are_texts_read_as_they_stand(source, contract):
            return None
        unknown = {
            tuple(unknown_columns(contract, list(filter(None, delivery.columns))))
            for delivery in deliveries
        }
        if spec.build.evolution is Evolution.DISCARD_ROW and unknown != {()}:
            return None
        kept = unknown if spec.build.evolution is Evolution.EVOLVE else {()}
        if len(kept) > 1:
            return None  # whose types are made one first
        columns |= {name: ColumnType.parse("STRING") for name in next(iter(kept))}
        return cls(
            batch=Batch(table=spec.build.name, partition=spec.partition).label,
            source=source,
            columns=tuple(columns.items()),
            copies=copies_of(spec.staged_uri),
        )


def stage_plain(
    spark: SparkSession, spec: LoadSpec, deliveries: Sequence[Delivery]
) -> dict[str, PlainPart]:
    """Stage the plain rows of a batch; what was made of each file, but for those that are Spark's, by URI.

    If there is any, the staging area has these rows and nothing else.

    Raises:
        OSError: The lake is away, or the disk has no room.
    """
    form = PlainForm.of(spec, deliveries)
    if form is None:
        return {}
    made = zip(deliveries, parts_of(spark, form, deliveries), strict=True)
    parts = {delivery.uri: part for delivery, part in made if part is not None}
    if not parts:
        return {}
    files.remove(spec.staged_uri)  # what an earlier try has left
    # Made elsewhere and copied: a task that Spark has started twice leaves nothing here.
    held = [part for part in parts.values() if part.rows or not part.others]
    copies = [Copy(part.path, part.path, part.size) for part in held]
    return {} if files.all_copied(form.copies, spec.staged_uri, copies) is None else parts


def parts_of(
    spark: SparkSession, form: PlainForm, deliveries: Sequence[Delivery]
) -> list[PlainPart | None]:
    """What is made of each file; of large batches by Spark's workers."""

    def work(place: int) -> str | None:
        try:
            part = plain_part(form, deliveries[place], place)
        except OSError:
            return None  # an error loses its fields on its way: the driver meets it again
        return "null" if part is None else part.model_dump_json()

    def known(place: int) -> PlainPart | None:
        if (text := found.get(place)) is None:
            return plain_part(form, deliveries[place], place)
        return None if text == "null" else PlainPart.model_validate_json(text)

    is_spread = is_large([delivery.size for delivery in deliveries])
    found = spread(spark, work, len(deliveries)) if is_spread else {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(known, range(len(deliveries))))


def plain_part(form: PlainForm, delivery: Delivery, place: int) -> PlainPart | None:
    """Read one file; None if it has to be read by Spark as a whole.

    Args:
        place: Its number in the batch.
    """
    if delivery.csv is None or delivery.csv.is_wide:
        return None
    path = f"part-{place:05}-{uuid4()}.snappy.parquet"
    others_uri = f"{form.copies}/{place:06d}-{uuid4().hex[:8]}.parquet"
    texts = pa.schema(
        [*[(name, pa.string()) for name in delivery.columns if name], (SOURCE_ROW, pa.int64())]
    )
    with ExitStack() as stack:
        plain = stack.enter_context(RowGroups(f"{form.copies}/{path}", form.schema))
        others = stack.enter_context(RowGroups(others_uri, texts))
        try:
            for first, block in blocks(form.source, delivery):
                numbers = pa.array(np.arange(first, first + len(block)))
                typed, is_odd = typed_rows(form, delivery.name, block, numbers)
                if is_odd is None:
                    plain.add(typed)
                    continue
                plain.add(typed.filter(compute.invert(is_odd)))
                rest = pa.table([*block.columns, numbers], schema=texts)
                others.add(rest.filter(is_odd))
        except pa.ArrowInvalid:
            return None
    return PlainPart(
        path=path,
        size=plain.size,
        rows=plain.rows,
        others_uri=others_uri if others.rows else None,
        others=others.rows,
    )


def blocks(source: Source, delivery: Delivery) -> Iterator[tuple[int, Any]]:
    """Some rows as text, with the number of the first, from 1 on.

    Raises:
        ArrowInvalid: A row has more or fewer values than there are columns, or is longer than a block.
    """
    columns = inner_names(delivery.columns)
    reader = csv.open_csv(
        files.open_anywhere(delivery.copy_uri),
        csv.ReadOptions(block_size=BLOCK_BYTES, column_names=columns),
        csv.ParseOptions(
            delimiter=source.delimiter,
            quote_char=source.quote if source.is_quoted else False,
            newlines_in_values=source.is_quoted,
        ),
        csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=[name for name in delivery.columns if name],
            null_values=list(source.null_values),
            strings_can_be_null=bool(source.null_values),
            check_utf8=False,  # was checked
        ),
    )
    number = 1
    with reader:
        for place, block in enumerate(reader):
            rows = block.slice(1) if source.header and not place else block
            yield number, rows
            number += len(rows)


def typed_rows(form: PlainForm, file: str, block: Any, numbers: Any) -> tuple[Any, Any | None]:
    """A block's rows as they are staged, and which of them are odd; None if none is."""
    try:
        found = [plain_values(block.column(name), type) for name, type in form.columns]
    except pa.ArrowInvalid:  # it is not known where
        nulls = [pa.nulls(len(block), arrow_type(type)) for _, type in form.columns]
        found = [PlainValues(values, None) for values in nulls]
        found[0] = PlainValues(nulls[0], pa.repeat(True, len(block)))
    odd = [one.odd for one in found if one.odd is not None]
    count = len(block)
    empty = pa.ListArray.from_arrays(
        pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.string())
    )
    values = [one.values for one in found]
    engine = [
        pa.repeat(form.batch, count),
        pa.repeat(file, count),
        numbers,
        empty,
        pa.nulls(count, pa.string()),
    ]
    return pa.table([*values, *engine], schema=form.schema), reduce(
        compute.or_, odd
    ) if odd else None


def read_others(
    spark: SparkSession, columns: Sequence[str], parts: Sequence[PlainPart]
) -> DataFrame:
    """The rows that are not plain, all columns as text, without the source's words for no value."""
    rows = spark.read.parquet(*[part.others_uri for part in parts if part.others_uri])
    names = [quoted(name) for name in columns if name]
    return rows.select(*names, copy_name().alias(SOURCE_FILE), SOURCE_ROW)
