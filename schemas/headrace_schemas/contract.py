"""Contracts: what a table promises, read from Open Data Contract Standard files."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from open_data_contract_standard.model import (
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)
from pydantic import Field
from yaml import Node

from headrace_schemas.column_type import FLOATS, ColumnType, TypeInvalid
from headrace_schemas.declaration import (
    Frozen,
    line_of,
    read_yaml,
    refuse_unknown_keys,
    validated,
)
from headrace_schemas.errors import DeclarationInvalid
from headrace_schemas.quality import option_rules, quality_rule
from headrace_schemas.rules import (
    Expectation,
    RowRule,
    RuleInvalid,
    Severity,
    TableRule,
    finite,
    not_null,
    unique,
)

UNITS = {
    "d": "days",
    "day": "days",
    "days": "days",
    "h": "hours",
    "hour": "hours",
    "hours": "hours",
}


class Column(Frozen):
    """One column of a table.

    Attributes:
        type: Spark SQL DDL in the one spelling of `ColumnType`, such as `DOUBLE` or `DECIMAL(10,2)`.
        classification: Sensitivity class, as the contract's owner words it.
    """

    name: str
    type: str
    required: bool = False
    description: str = ""
    classification: str | None = None


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


def load_contract(file: Path) -> Contract:
    """Read one ODCS file.

    Raises:
        DeclarationInvalid: Naming file, line, key and the known keys.
    """
    content, node = read_yaml(file)
    refuse_unknown_keys(OpenDataContractStandard, content, file, node, ())
    standard = validated(OpenDataContractStandard, content, file, node)
    if not standard.schema_ or len(standard.schema_) != 1:
        raise DeclarationInvalid(
            str(file), line_of(node, ("schema",)), "schema", "one table a contract is expected"
        )
    table = standard.schema_[0]
    name = standard.name or standard.id or ""
    columns = tuple(read_column(file, node, index, one) for index, one in properties(table))
    row_rules, table_rules = read_rules(file, node, table)
    purpose = standard.description.purpose if standard.description else None
    return Contract(
        name=name, version=standard.version or "0", description=purpose or "", columns=columns,
        key=read_key(table), row_rules=tuple(row_rules), table_rules=tuple(table_rules),
        freshness=read_freshness(file, node, standard.slaProperties or []),
    )  # fmt: skip


def properties(table: SchemaObject) -> list[tuple[int, SchemaProperty]]:
    """The table's columns with their positions in the file."""
    return list(enumerate(table.properties or []))


def read_column(file: Path, node: Node, index: int, column: SchemaProperty) -> Column:
    """One column; its Spark type must be given."""
    if not column.name or not column.physicalType:
        where = ("schema", 0, "properties", index)
        missing = "physicalType" if column.name else "name"
        raise DeclarationInvalid(
            str(file), line_of(node, where), f"schema.0.properties.{index}.{missing}",
            "is missing; give the column's Spark SQL type" if column.name else "is missing",
        )  # fmt: skip
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
        name=column.name, type=type,
        required=bool(column.required or column.primaryKey),
        description=column.description or "", classification=column.classification,
    )  # fmt: skip


def read_key(table: SchemaObject) -> tuple[str, ...]:
    """Primary key columns by their position."""
    keys = [one for _, one in properties(table) if one.primaryKey]
    keys.sort(key=lambda one: one.primaryKeyPosition or 0)
    return tuple(str(one.name) for one in keys)


def read_rules(
    file: Path, node: Node, table: SchemaObject
) -> tuple[list[RowRule], list[TableRule]]:
    """All rules, those that follow from types, keys and nullability first."""
    rules: list[RowRule | TableRule] = []
    key = read_key(table)
    types = {
        str(column.name): ColumnType.parse(column.physicalType or "")
        for _, column in properties(table)
    }
    for index, column in properties(table):
        name = str(column.name)
        if column.required or column.primaryKey:
            rules.append(not_null(name))
        if types[name].stem in FLOATS:
            rules.append(finite(name))
        if column.unique:
            rules.append(unique(f"{name}.unique", (name,)))
        try:
            rules.extend(option_rules(column, types[name]))
        except RuleInvalid as error:
            path = ("schema", 0, "properties", index)
            raise rule_error(file, node, path, error) from error
    if key:
        rules.append(unique("key.unique", key))
    rules.extend(declared_rules(file, node, table, types))
    rules.extend(vacuous_pass_rules(table))
    refuse_double_ids(file, node, rules)
    rows = [rule for rule in rules if isinstance(rule, RowRule)]
    return rows, [rule for rule in rules if isinstance(rule, TableRule)]


def rule_error(
    file: Path, node: Node, path: tuple[str | int, ...], error: RuleInvalid
) -> DeclarationInvalid:
    """A rule's error with its place."""
    key = ".".join(str(step) for step in path)
    return DeclarationInvalid(str(file), line_of(node, path), key, str(error))


def declared_rules(
    file: Path, node: Node, table: SchemaObject, types: Mapping[str, ColumnType]
) -> list[RowRule | TableRule]:
    """The rules of every `quality` list, with their lines in errors."""
    places: list[tuple[tuple[str | int, ...], str | None, list[DataQuality]]] = [
        (("schema", 0, "quality"), None, table.quality or [])
    ]
    for index, column in properties(table):
        places.append(
            (("schema", 0, "properties", index, "quality"), column.name, column.quality or [])
        )
    rules = []
    for where, name, qualities in places:
        for position, quality in enumerate(qualities):
            try:
                rules.append(quality_rule(quality, position, name, types))
            except RuleInvalid as error:
                raise rule_error(file, node, (*where, position), error) from error
    return rules


def vacuous_pass_rules(table: SchemaObject) -> list[TableRule]:
    """What Great Expectations lets pass: an empty batch, and columns without a single value."""
    rules = [
        TableRule(
            id="table.not_empty", severity=Severity.CRITICAL, description="the batch has rows",
            expectation=Expectation(
                type="expect_table_row_count_to_be_between", kwargs={"min_value": 1}
            ),
        )
    ]  # fmt: skip
    for _, column in properties(table):
        if not (column.required or column.primaryKey):
            rules.append(
                TableRule(
                    id=f"{column.name}.not_all_null", severity=Severity.WARNING,
                    description=f"{column.name} has at least one value",
                    expectation=Expectation(
                        type="expect_column_values_to_not_be_null",
                        kwargs={"column": column.name, "mostly": 1e-9},
                    ),
                )
            )  # fmt: skip
    return rules


def refuse_double_ids(file: Path, node: Node, rules: list[RowRule | TableRule]) -> None:
    """A rule id names one rule: quarantine and reports refer to it."""
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise DeclarationInvalid(
                str(file), line_of(node, ("schema",)), rule.id, "two rules have this name"
            )
        seen.add(rule.id)


def read_freshness(
    file: Path, node: Node, properties: list[ServiceLevelAgreementProperty]
) -> Freshness | None:
    """The freshness that `slaProperties` promises; other properties are for people."""
    for index, promise in enumerate(properties):
        if promise.property != "freshness":
            continue
        unit, element = UNITS.get(promise.unit or ""), promise.element or ""
        if unit is None or not element or not isinstance(promise.value, int | float):
            raise DeclarationInvalid(
                str(file), line_of(node, ("slaProperties", index)), "slaProperties.freshness",
                "needs a numeric value, unit d or h, and element table.column",
            )  # fmt: skip
        limit = timedelta(**{unit: float(promise.value)})
        return Freshness(column=element.rsplit(".", 1)[-1], limit=limit)
    return None
