"""Predictions of a partition made file by file: Arrow reads its rows and writes those of the predictions.

Spark would hand each row to Python and take it back. It is not asked where a file is what a table's
log and the contract say, and no more: a table with deletion vectors or mapped columns is Spark's to
read, and so are files from before the contract widened a column, and decimals of more digits than
a double holds.
"""

import logging
import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self
from uuid import uuid4

import numpy as np
import pyarrow as pa
import xgboost as xgb
from numpy.typing import NDArray
from pyarrow import compute, parquet
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from headrace_jobs.lake import files
from headrace_jobs.lake.data_files import SPARK_SCHEMA
from headrace_jobs.lake.placed_files import FEATURES
from headrace_jobs.lake.row_groups import RowGroups
from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.learning.registry import LoadedModel
from headrace_jobs.sources.casts import stored
from headrace_jobs.sources.plain_values import arrow_type
from headrace_jobs.sources.spread import is_large, spread
from headrace_lake.versions import open_table
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.types import FLOATS, INTEGERS, TEXTS, ColumnType
from headrace_schemas.wire.model_jobs import ScoreSpec

log = logging.getLogger(__name__)

PREDICTION, MODEL_VERSION = "prediction", "model_version"

BATCH_ROWS = 65_536
"""Rows that are read, predicted and handed on at once."""

EXACT_DIGITS = 15
"""Whole numbers of so many digits, and powers of ten up to 10²², are doubles without being rounded."""

TIE_BITS, TIE = 0x1FFF_FFFF, 0x1000_0000
"""The bits of a double that a single has not, and what they are halfway between two singles."""

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class ScoredFiles:
    """How the files of a partition are scored.

    Attributes:
        uri: Of the feature table.
        paths: Of the partition's files below it.
        sizes: Their bytes.
        kept: Columns that stand beside a prediction, each with its type.
        features: In the booster's order, each with its column's type.
    """

    uri: str
    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    kept: tuple[tuple[str, ColumnType], ...]
    features: tuple[tuple[Feature, ColumnType], ...]
    booster: bytes
    version: str

    @classmethod
    def of(cls, spec: ScoreSpec, kept: Sequence[str], model: LoadedModel) -> Self | None:
        """How a partition is scored; None where Spark has to read it.

        Args:
            kept: Names of the columns that stand beside a prediction.
        """
        columns = columns_of(spec.contract, kept)
        features = features_of(spec.contract, model.manifest.features)
        if columns is None or features is None:
            return None
        found = files_of(spec, {name for name, _ in columns} | {one.name for one, _ in features})
        if found is None:
            return None
        return cls(
            uri=spec.features.uri.rstrip("/"),
            paths=tuple(found),
            sizes=tuple(found.values()),
            kept=columns,
            features=features,
            booster=model.booster,
            version=model.version,
        )

    @property
    def asked(self) -> dict[str, Any]:
        """The columns that are read, with their types as Arrow has them."""
        features = [(feature.name, type) for feature, type in self.features]
        return {name: arrow_type(type) for name, type in (*self.kept, *features)}

    @property
    def schema(self) -> Any:
        """What is written: in Arrow's types, with Spark's beside them."""
        typed = [*self.kept, (PREDICTION, ColumnType(stem="DOUBLE"))]
        typed.append((MODEL_VERSION, ColumnType(stem="STRING")))
        as_spark = T.StructType([T.StructField(name, stored(type)) for name, type in typed])
        fields = [pa.field(name, arrow_type(type)) for name, type in typed]
        return pa.schema(fields, {SPARK_SCHEMA: as_spark.json()})

    def stage(self, spark: SparkSession, folder: str) -> list[str] | None:
        """Write the predictions into a folder, a file for each; their names, or None if Spark has to.

        Of a large partition the files are scored by Spark's workers. A task that was started twice has
        left a file that is not among the names.
        """
        try:
            names = self._staged(spark, folder)
        except (OSError, pa.ArrowException) as error:
            # What is damaged, gone or away Spark meets as well, and its errors have names and fields.
            log.warning("Spark scores instead: %s: %s", type(error).__name__, error)
            return None
        if names:
            log.info("%d files scored without Spark's reader", len(names))
        return names

    def _staged(self, spark: SparkSession, folder: str) -> list[str] | None:
        def work(place: int) -> str | None:
            try:
                return self.scored(place, folder, threads=1) or ""
            except (OSError, pa.ArrowException):
                return None  # an error loses its fields on its way: the driver meets it again

        is_spread = is_large(self.sizes)
        found = spread(spark, work, len(self.paths)) if is_spread else {}
        names = []
        for place in range(len(self.paths)):
            name = found[place] if place in found else self.scored(place, folder)
            if not name:
                return None
            names.append(name)
        return names or None

    def scored(self, place: int, folder: str, threads: int = 0) -> str | None:
        """Score one file; the name of what was written, None if Spark has to read it.

        Args:
            threads: For predictions; 0 for as many as there are cores.
        """
        booster = xgb.Booster({"nthread": threads})
        booster.load_model(bytearray(self.booster))
        name = f"part-{place:05}-{uuid4()}.snappy.parquet"
        with files.open_anywhere(f"{self.uri}/{self.paths[place]}") as stream:
            content = parquet.ParquetFile(stream, page_checksum_verification=True)
            if not self.is_as_declared(content.schema_arrow):
                return None
            with RowGroups(f"{folder.rstrip('/')}/{name}", self.schema) as written:
                for batch in self.batches(content):
                    written.add(self.predicted(booster, batch))
        return name

    def is_as_declared(self, schema: Any) -> bool:
        """Whether a file has the columns that are asked for, once and in their types, or not at all."""
        for name, type in self.asked.items():
            fields = [schema.field(index) for index in schema.get_all_field_indices(name)]
            if len(fields) > 1 or any(field.type != type for field in fields):
                return False
        return True

    def batches(self, content: Any) -> Iterator[Any]:
        """The columns of a file that are asked for; NULL in one that it has not."""
        there = set(content.schema_arrow.names)
        names = [name for name in self.asked if name in there]
        for batch in content.iter_batches(BATCH_ROWS, columns=names):
            columns = {name: batch.column(batch.schema.names.index(name)) for name in names}
            yield {
                name: columns[name] if name in columns else pa.nulls(len(batch), type)
                for name, type in self.asked.items()
            }

    def predicted(self, booster: xgb.Booster, columns: dict[str, Any]) -> Any:
        """Some rows as they are written."""
        kept = [columns[name] for name, _ in self.kept]
        count = len(kept[0])
        numbers = np.empty((count, len(self.features)), dtype=np.float32)
        for index, (feature, _) in enumerate(self.features):
            numbers[:, index] = feature_numbers(feature, columns[feature.name])
        found = booster.inplace_predict(numbers) if count else []
        return pa.table(
            [*kept, pa.array(found, pa.float64()), pa.repeat(self.version, count)],
            schema=self.schema,
        )


def columns_of(
    contract: Contract, kept: Sequence[str]
) -> tuple[tuple[str, ColumnType], ...] | None:
    """Columns with their types; None if a type is not among those that Arrow reads here."""
    types = {column.name: ColumnType.parse(column.type) for column in contract.columns}
    found = tuple((name, types[name]) for name in kept)
    return None if any(arrow_type(type) is None for _, type in found) else found


def features_of(
    contract: Contract, features: Sequence[Feature]
) -> tuple[tuple[Feature, ColumnType], ...] | None:
    """Features with their columns' types; None if one is gone, or a number by Spark's rules alone."""
    types = {column.name: ColumnType.parse(column.type) for column in contract.columns}
    found = tuple((one, types[one.name]) for one in features if one.name in types)
    is_plain = all(becomes_same_number(feature.kind, type) for feature, type in found)
    return found if is_plain and len(found) == len(features) else None


def becomes_same_number(kind: FeatureKind, type: ColumnType) -> bool:
    """Whether a column's values become numbers here exactly as they do in Spark."""
    if type.stem == "DECIMAL":
        return kind is FeatureKind.NUMBER and (type.precision or 0) <= EXACT_DIGITS
    stems = {
        FeatureKind.NUMBER: INTEGERS | FLOATS,
        FeatureKind.FLAG: {"BOOLEAN"},
        FeatureKind.CATEGORY: TEXTS,
    }
    return type.stem in stems[kind]


def files_of(spec: ScoreSpec, asked: Set[str]) -> dict[str, int] | None:
    """Paths and bytes of a partition's files; None if the log of their table says more than that.

    Args:
        asked: Columns, each by the name that the table's log has; a file may still be older than one.
    """
    try:
        table = open_table(spec.features.uri, spec.features.version)
    except EngineUnavailable:
        return None  # Spark's error tells a version that is gone from a lake that is away
    if table is None or list(table.metadata().partition_columns) != [PARTITION]:
        return None
    if not asked <= {field.name for field in table.schema().fields}:
        return None  # Spark refuses a column that no row ever had, and finds one of other capitals
    protocol = table.protocol()
    is_plain = protocol.min_reader_version in (1, 3)
    if not is_plain or not set(protocol.reader_features or ()) <= FEATURES:
        return None
    actions = table.get_add_actions(flatten=True)
    keys, paths, sizes = (
        actions.column(name).to_pylist()
        for name in (f"partition.{PARTITION}", "path", "size_bytes")
    )
    key = spec.partition.key
    return {path: size for own, path, size in zip(keys, paths, sizes, strict=True) if own == key}


def feature_numbers(feature: Feature, values: Any) -> Numbers:
    """A feature as the booster sees it, as `features.feature_number` has it: NaN for what is missing."""
    if feature.kind is FeatureKind.CATEGORY:
        coded = values.dictionary_encode()
        codes = [feature.codes.get(text, math.nan) for text in coded.dictionary.to_pylist()]
        by_place = np.array([*codes, math.nan], dtype=np.float32)
        found: Numbers = by_place[
            coded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
        ]
        return found
    if pa.types.is_decimal(values.type):
        return of_decimals(values)
    single = compute.cast(values, pa.float32(), safe=False)
    numbers: Numbers = single.fill_null(math.nan).to_numpy(zero_copy_only=False)
    return numbers


def of_decimals(values: Any) -> Numbers:
    """Each decimal of at most `EXACT_DIGITS` digits as the single that is nearest, as Java has it.

    A quotient of two doubles that are exact is the nearest double. To be rounded twice matters only
    where the double is halfway between two singles, and the decimal is not.
    """
    first, count, scale = values.offset, len(values), values.type.scale
    halves = np.frombuffer(values.buffers()[1], dtype=np.int64)  # the lower one of 128 bits first
    whole = halves[2 * first : 2 * (first + count) : 2]
    doubles = whole / 10.0**scale
    singles: Numbers = doubles.astype(np.float32)
    for place in np.flatnonzero((doubles.view(np.int64) & TIE_BITS) == TIE):
        exact, halfway = Fraction(int(whole[place]), 10**scale), Fraction(float(doubles[place]))
        if exact != halfway:
            above = singles[place] > doubles[place]
            if above != (exact > halfway):
                away = np.float32(np.inf if exact > halfway else -np.inf)
                singles[place] = np.nextafter(singles[place], away)
    singles[values.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return singles
