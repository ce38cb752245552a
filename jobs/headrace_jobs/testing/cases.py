"""Cases of a project: rows in, rows out, one file per table in `tests/cases`.

What comes out is what `load` would stage: the transform's rows in the contract's types, with the
rules of the contract that each one breaks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake.tables import SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.columns import LOAD_FAILURES
from headrace_jobs.tables import load
from headrace_jobs.testing.rows import (
    BROKEN,
    Difference,
    WrongType,
    came,
    differences,
    shown,
    wanted,
)
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.errors import HeadraceError
from headrace_schemas.model_errors import VersionUnknown
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import Planner
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.table_jobs import LoadSpec

SOURCE = {SOURCE_FILE: "STRING", SOURCE_ROW: "BIGINT"}
"""Columns that every input has besides its contract's, and that a transform may hand on."""

KEYS = frozenset({"name", "inputs", "output", "bounds"})


class CaseInvalid(HeadraceError, ValueError):
    """A case that cannot be run as it is written."""

    def __init__(self, file: str, case: str, problem: str) -> None:
        where = f"{file}: {case}" if case else file
        super().__init__(f"{where}: {problem}", file=file, case=case, problem=problem)


@dataclass(frozen=True)
class Case:
    """One example of what a table is made of.

    Attributes:
        inputs: Rows of each input; columns that a row leaves out are NULL.
        output: Rows as they come out; columns that a row leaves out are not looked at. `broken` lists
            the rules that the row breaks.
        bounds: Start and end of the partition, for a transform that asks for them.
    """

    file: Path
    table: str
    name: str
    inputs: Mapping[str, list[dict[str, Any]]]
    output: list[dict[str, Any]]
    bounds: Mapping[str, datetime]

    def invalid(self, problem: str) -> CaseInvalid:
        """Why it cannot be run."""
        return CaseInvalid(str(self.file), self.name, problem)


def read_cases(file: Path, catalog: Catalog) -> Iterator[Case]:
    """The cases of a file that is called as its table.

    Raises:
        CaseInvalid: It is not in the form of one, or about another transform than the pipeline's.
        UnknownTable: No pipeline builds its table.
    """
    build = catalog.build(file.stem)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CaseInvalid(str(file), "", f"cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("cases"), list):
        raise CaseInvalid(str(file), "", "has no list `cases`")
    if content.get("transform") != build.transform:
        problem = f"`transform` is not the pipeline's: {build.transform}"
        raise CaseInvalid(str(file), "", problem)
    for given in content["cases"]:
        yield read_case(file, given, set(build.inputs))


def read_case(file: Path, given: Any, inputs: set[str]) -> Case:
    """One case.

    Raises:
        CaseInvalid: It is not in the form of one.
    """
    name = str(given.get("name", "")) if isinstance(given, dict) else ""
    if not name or given.keys() - KEYS or not {"inputs", "output"} <= given.keys():
        raise CaseInvalid(str(file), name, "needs name, inputs and output, and may have bounds")
    if set(given["inputs"]) != inputs:
        problem = f"inputs are {sorted(given['inputs'])}, the pipeline's {sorted(inputs)}"
        raise CaseInvalid(str(file), name, problem)
    try:
        bounds = [instant(moment) for moment in given.get("bounds", ())]
    except ValueError as error:
        raise CaseInvalid(str(file), name, f"bounds: {error}") from error
    if len(bounds) not in (0, 2):
        raise CaseInvalid(str(file), name, "bounds are a start and an end")
    return Case(
        file=file,
        table=file.stem,
        name=name,
        inputs=given["inputs"],
        output=given["output"],
        bounds=dict(zip(load.BOUNDS, bounds, strict=False)),
    )


def instant(text: object) -> datetime:
    """A bound, UTC where it names no zone."""
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def check(spark: SparkSession, catalog: Catalog, case: Case) -> list[Difference]:
    """Run a case; what differs from what it wants.

    Raises:
        CaseInvalid: It names columns or values that there cannot be.
        HeadraceError: As `load` raises it of the transform.
    """
    contract = catalog.contract(case.table)
    types = columns_of(contract)
    want = [wanted_row(case, row, types) for row in case.output]
    names = sorted({name for row in want for name in row})
    staged = staged_by(spark, catalog, case)
    columns = [shown(name, types[name]) for name in names if name != BROKEN]
    rows = staged.select(*columns, broken_rules(contract)).collect()
    found = [
        {
            name: row[name] if name == BROKEN else came(row[name], types[name])
            for name in [*names, *({BROKEN} - set(names))]
        }
        for row in rows
    ]
    return differences(want, found)


def staged_by(spark: SparkSession, catalog: Catalog, case: Case) -> DataFrame:
    """What `load` would stage of a case's inputs."""
    spec = spec_of(catalog, case)
    frames = {
        name: frame_of(spark, case, case.inputs[name], columns_of(catalog.contract(declared.table)))
        for name, declared in spec.build.inputs.items()
    }
    made = load.transformed(spark, spec, frames, dict(case.bounds))
    return load.as_staged(made, spec, spec.build.transform or "the input")


def spec_of(catalog: Catalog, case: Case) -> LoadSpec:
    """What would be asked of `load`, with tables that need not be there."""

    def no_model(model: str, version: str) -> PinnedModel:
        raise VersionUnknown(model, version)

    planner = Planner(catalog, Lake(root="cases"), lambda _: 0, no_model, "cases")
    return planner.load(case.table, None, (), "case")


def columns_of(contract: Contract) -> dict[str, str]:
    """Column → type, those of the source included."""
    return {column.name: column.type for column in contract.columns} | SOURCE


def frame_of(
    spark: SparkSession, case: Case, rows: list[dict[str, Any]], types: dict[str, str]
) -> DataFrame:
    """Rows of an input in its contract's types.

    Raises:
        CaseInvalid: A row names a column that the contract has not.
    """
    if unknown := {name for row in rows for name in row} - types.keys():
        raise case.invalid(f"the input has no columns {sorted(unknown)}")
    texts = [tuple(text_of(row.get(name)) for name in types) for row in rows]
    frame = spark.createDataFrame(texts, ", ".join(f"{quoted(name)} STRING" for name in types))
    return frame.select(
        *[F.col(quoted(name)).cast(type_).alias(name) for name, type_ in types.items()]
    )


def text_of(value: object) -> str | None:
    """A value as Spark casts it from text."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def wanted_row(case: Case, row: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    """A wanted row, ready to compare.

    Raises:
        CaseInvalid: It names a column that the contract has not, or a value that one cannot hold.
    """
    if unknown := row.keys() - types.keys() - {BROKEN}:
        raise case.invalid(f"{case.table} has no columns {sorted(unknown)}")
    try:
        return {
            name: sorted(value) if name == BROKEN else wanted(value, types[name])
            for name, value in row.items()
        }
    except WrongType as error:
        raise case.invalid(f"{row}: {error}") from error


def broken_rules(contract: Contract) -> Any:
    """Ids of the contract's row rules that a row breaks, and of what it could not be read as."""
    ids = [F.when(F.expr(rule.bad), F.lit(rule.id)) for rule in contract.row_rules if rule.bad]
    broken = F.array_compact(F.array(*ids)) if ids else F.array().cast("array<string>")
    return F.array_sort(F.concat(F.col(LOAD_FAILURES), broken)).alias(BROKEN)
