"""Contracts: what a table promises, read from Open Data Contract Standard files."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from open_data_contract_standard.model import (
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)
from pydantic import Field
from yaml import Node

from headrace_schemas.declarations.contract_checks import (
    columns_are_told_apart,
    freshness_of,
    key_is_ordered,
    names_can_be_held,
    properties,
    qualities,
    readable_types,
    second_place,
)
from headrace_schemas.declarations.declaration import Frozen, KeyPath
from headrace_schemas.declarations.declaration_file import DeclarationFile, Problems, line_of
from headrace_schemas.declarations.empty_batches import NOT_EMPTY, may_be_empty
from headrace_schemas.declarations.reading import declared_as, note_unknown_keys
from headrace_schemas.project_errors import DeclarationInvalid
from headrace_schemas.rules.quality import option_rules, quality_rule
from headrace_schemas.rules.rule import (
    Expectation,
    RowRule,
    RuleInvalid,
    Severity,
    TableRule,
    finite,
    not_null,
    unique,
)
from headrace_schemas.types import FLOATS, TIMES, ColumnType, TypeInvalid


class Column(Frozen):
    """One column of a table.

    Attributes:
        type: Spark SQL DDL in the one spelling of `ColumnType`, such as `DOUBLE` or `DECIMAL(10,2)`.
        partitioned: Whether the table's partitions are cut by it; None where nothing is said.
    """

    name: str
    type: str
    required: bool = False
    description: str = ""
    partitioned: bool | None = None


class Freshness(Frozen):
    """How old the newest `column` may be when a batch is published."""

    column: str
    limit: timedelta


class Contract(Frozen):
    """What a table promises.

    Attributes:
        name: `layer.table`.
        columns: In the contract's order.
        key: Columns that name a row; empty if nothing does.
        row_rules: Rules that each row keeps or breaks, defaults included.
        table_rules: Rules about a batch as a whole, defaults included.
    """

    name: str
    version: str
    description: str = ""
    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[str, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    table_rules: tuple[TableRule, ...] = ()
    freshness: Freshness | None = None

    @cached_property
    def hash(self) -> str:
        """sha256 of the contract as it is applied."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in the contract's order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column called `name`."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def may_be_empty(self) -> bool:
        """Whether a batch without a single row is a delivery like any other."""
        return all(rule.id != NOT_EMPTY for rule in self.table_rules)

    def time_of_partition(self, others: Sequence[str] = ()) -> Column | None:
        """The column whose values lie in the partition that a row belongs to.

        It is the one with `partitioned: true`. Without one it is the first of `others` and of
        freshness's column that does not say `partitioned: false`. None if there is none.

        Args:
            others: Columns that are known from elsewhere to say when what a row records happened.
        """
        times = [column for column in self.columns if ColumnType.parse(column.type).stem in TIMES]
        if declared := [column for column in times if column.partitioned]:
            return declared[0]
        known = [*others, *([self.freshness.column] if self.freshness else [])]
        found = {column.name: column for column in times if column.partitioned is None}
        return next((found[name] for name in known if name in found), None)


def load_contract(file: Path) -> Contract:
    """Read one ODCS file.

    Raises:
        DeclarationInvalid: For all that is wrong, naming file, line, key and the known keys.
    """
    problems = Problems()
    contract = read_contract(DeclarationFile.read(file), problems)
    problems.raise_any()
    assert contract is not None  # noqa: S101 - for the type checker: nothing was refused
    return contract


def read_contract(file: DeclarationFile, problems: Problems) -> Contract | None:
    """One ODCS file, with the columns and rules that can be read; what cannot is noted."""
    note_unknown_keys(OpenDataContractStandard, file, problems)
    standard = declared_as(OpenDataContractStandard, file, problems)
    tables = (standard.schema_ or []) if standard else []
    if standard is None or len(tables) != 1:
        problems.add(
            file.refusal(("schema",), f"one table a contract is expected, {len(tables)} found")
        )
        return None
    table = tables[0]
    name = standard.name or standard.id or ""
    columns = []
    for index, column in properties(table):
        with problems.caught():
            columns.append(read_column(file.path, file.node, index, column))
    checks = (names_can_be_held, columns_are_told_apart, key_is_ordered)
    for problem in (found for check in checks for found in check(file, table)):
        problems.add(problem)
    row_rules, table_rules = read_rules(file, table, problems)
    freshness = freshness_of(file, standard, problems)
    purpose = standard.description.purpose if standard.description else None
    if not columns:
        problems.add(file.refusal(("schema", 0, "properties"), "the table has no column"))
        return None
    return Contract(
        name=name,
        version=standard.version or "0",
        description=purpose or "",
        columns=tuple(columns),
        key=read_key(table),
        row_rules=tuple(row_rules),
        table_rules=tuple(table_rules),
        freshness=Freshness(column=freshness[0], limit=freshness[1]) if freshness else None,
    )


def read_column(file: Path, node: Node, index: int, column: SchemaProperty) -> Column:
    """One column; its Spark type must be given."""
    if not column.name or not column.physicalType:
        where = ("schema", 0, "properties", index)
        missing = "physicalType" if column.name else "name"
        raise DeclarationInvalid(
            str(file),
            line_of(node, where),
            f"schema.0.properties.{index}.{missing}",
            "is missing; give the column's Spark SQL type" if column.name else "is missing",
        )
    try:
        type = ColumnType.parse(column.physicalType).ddl
    except TypeInvalid as error:
        path = ("schema", 0, "properties", index, "physicalType")
        raise DeclarationInvalid(
            str(file),
            line_of(node, path),
            ".".join(map(str, path)),
            f"column {column.name}: {error}",
        ) from error
    return Column(
        name=column.name,
        type=type,
        required=bool(column.required or column.primaryKey),
        description=column.description or "",
        partitioned=column.partitioned,
    )


def read_key(table: SchemaObject) -> tuple[str, ...]:
    """Primary key columns by their position."""
    keys = [column for _, column in properties(table) if column.primaryKey]
    keys.sort(key=lambda column: column.primaryKeyPosition or 0)
    return tuple(str(column.name) for column in keys)


def read_rules(
    file: DeclarationFile, table: SchemaObject, problems: Problems
) -> tuple[list[RowRule], list[TableRule]]:
    """All rules, those that follow from types, keys and nullability first."""
    rules: list[RowRule | TableRule] = []
    key, types = read_key(table), readable_types(table)
    for index, column in properties(table):
        name = str(column.name)
        if name not in types:
            continue  # refused where it is read: nothing more is said of it
        if column.required or column.primaryKey:
            rules.append(not_null(name))
        if types[name].stem in FLOATS:
            rules.append(finite(name))
        if column.unique:
            rules.append(unique(f"{name}.unique", (name,)))
        with problems.caught(), placed(file, ("schema", 0, "properties", index)):
            rules.extend(option_rules(column, types[name]))
    if key:
        rules.append(unique("key.unique", key))
    rules.extend(declared_rules(file, table, types, problems))
    rules.extend(vacuous_pass_rules(table))
    refuse_double_ids(file, table, rules, problems)
    rows = [rule for rule in rules if isinstance(rule, RowRule)]
    return rows, [rule for rule in rules if isinstance(rule, TableRule)]


@contextmanager
def placed(file: DeclarationFile, path: KeyPath) -> Iterator[None]:
    """Gives a rule's error its place in the file."""
    try:
        yield
    except RuleInvalid as error:
        path = (*path, *file.place_of(error.found, path))
        raise file.refusal(path, str(error).rstrip(".")) from error
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        # A part of the rule is of another kind than any rule has, such as a text for a mapping.
        raise file.refusal(path, "cannot be read as a rule") from error


def declared_rules(
    file: DeclarationFile,
    table: SchemaObject,
    types: Mapping[str, ColumnType],
    problems: Problems,
) -> list[RowRule | TableRule]:
    """The rules of every `quality` list, with their lines in errors."""
    rules = []
    for path, column, quality in qualities(table):
        if column is None or column in types:
            with problems.caught(), placed(file, path):
                rules.append(quality_rule(quality, int(path[-1]), column, types))
    return rules


def vacuous_pass_rules(table: SchemaObject) -> list[TableRule]:
    """What Great Expectations lets pass: an empty batch, and columns without a single value."""
    rules = []
    if not may_be_empty(table):
        rules.append(
            TableRule(
                id=NOT_EMPTY,
                severity=Severity.CRITICAL,
                description="the batch has rows",
                expectation=Expectation(
                    type="expect_table_row_count_to_be_between", kwargs={"min_value": 1}
                ),
            )
        )
    for _, column in properties(table):
        if not (column.required or column.primaryKey):
            rules.append(
                TableRule(
                    id=f"{column.name}.not_all_null",
                    severity=Severity.WARNING,
                    description=f"{column.name} has at least one value",
                    expectation=Expectation(
                        type="expect_column_values_to_not_be_null",
                        kwargs={"column": column.name, "mostly": 1e-9},
                    ),
                )
            )
    return rules


def refuse_double_ids(
    file: DeclarationFile,
    table: SchemaObject,
    rules: list[RowRule | TableRule],
    problems: Problems,
) -> None:
    """A rule id names one rule: quarantine and reports refer to it."""
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            line = line_of(file.node, second_place(table, rule.id))
            problems.add(
                DeclarationInvalid(
                    str(file.path),
                    line,
                    rule.id,
                    "two rules have this name",
                    advice="Give one of them another `name`.",
                )
            )
        seen.add(rule.id)
