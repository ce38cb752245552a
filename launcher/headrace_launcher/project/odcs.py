"""A contract against the Open Data Contract Standard's own JSON Schema."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError, best_match

from headrace_schemas.declarations.declaration import KeyPath
from headrace_schemas.declarations.declaration_file import DeclarationFile
from headrace_schemas.project_errors import DeclarationInvalid
from headrace_schemas.types import INTEGERS, NUMBERS, TEXTS, TIMES, ColumnType, TypeInvalid

SERVES = {
    "string": TEXTS | {"BINARY"},
    "date": TIMES,
    "timestamp": TIMES,
    "time": TIMES | INTEGERS,
    "number": NUMBERS,
    "integer": INTEGERS | {"DECIMAL"},
    "boolean": frozenset({"BOOLEAN"}),
    "object": frozenset({"STRUCT", "MAP"}),
    "map": frozenset({"MAP"}),
    "array": frozenset({"ARRAY"}),
}
"""Which types can hold what a logical type names; a text can hold any, as files deliver it."""

MISSING = re.compile(r"'(\w+)' is a required property")

FREE = frozenset(
    {
        "name",
        "description",
        "businessName",
        "physicalType",
        "physicalName",
        "classification",
        "query",
    }
)
"""Keys of columns and rules at which the schema takes any text."""


def mappings(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings of a list with their positions."""
    for index, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, dict):
            yield index, item


def columns(content: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Every column as it is written, with its place."""
    for position, table in mappings(content.get("schema")):
        for index, column in mappings(table.get("properties")):
            yield ("schema", position, "properties", index), column


class Standard:
    """The schema, and which forms of columns it has taken: they repeat, and each costs a millisecond."""

    def __init__(self, schema: Any) -> None:
        self.validator = jsonschema.Draft201909Validator(schema)
        self.taken: set[str] = set()

    def errors(self, content: dict[str, Any]) -> Iterator[tuple[KeyPath, ValidationError]]:
        """What is wrong in a contract that JSON can say."""
        left_out = self.leave_out(content)
        forms = [form(column) for _, column in columns(content)]
        found = list(self.validator.iter_errors(content))
        if not found:
            self.taken.update(forms)
        for error in found:
            cause = best_match(iter([error])) or error
            path: KeyPath = tuple(cause.absolute_path)
            if path[:1] == ("schema",) and path[2:3] == ("properties",) and len(path) > 3:
                kept = left_out.get(path[1], [])
                path = (*path[:3], kept[int(path[3])] if kept else path[3], *path[4:])
            if cause.validator == "required" and (named := MISSING.match(cause.message)):
                path = (*path, named[1])
            yield path, cause

    def leave_out(self, content: dict[str, Any]) -> dict[str | int, list[int]]:
        """Take out columns of a form that is known to be right; table → positions of the others."""
        kept: dict[str | int, list[int]] = {}
        for position, table in mappings(content.get("schema")):
            given = table.get("properties")
            if isinstance(given, list) and given:
                kept[position] = [
                    at for at, column in enumerate(given) if form(column) not in self.taken
                ]
                table["properties"] = [given[at] for at in kept[position]]
        return kept


def form(value: Any, key: str = "") -> str:
    """A column as JSON without its texts that may be any."""
    if isinstance(value, dict):
        inner = (f"{json.dumps(name)}:{form(item, name)}" for name, item in value.items())
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(form(item) for item in value) + "]"
    return '""' if isinstance(value, str) and key in FREE else json.dumps(value)


@cache
def standard() -> Standard:
    """The standard's schema as the pinned package ships it, without what it says on unknown keys.

    That takes half of the time, and unknown keys are refused where contracts are read.
    """
    text = files("open_data_contract_standard").joinpath("schema.json").read_text()
    return Standard(without_unevaluated(json.loads(text)))


def without_unevaluated(schema: Any) -> Any:
    """The schema without one keyword, wherever it stands."""
    if isinstance(schema, list):
        return [without_unevaluated(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "unevaluatedProperties"}
    return {key: without_unevaluated(value) for key, value in kept.items()}


def check_standard(file: DeclarationFile) -> Iterator[DeclarationInvalid]:
    """The file against the standard's schema."""
    # YAML reads dates that JSON does not know; the schema describes them as text.
    content = json.loads(json.dumps(file.content, default=str))
    for _, column in columns(content):
        # The schema asks a column without one for what each of them needs, all at once.
        column.setdefault("logicalType", meant_by(column.get("physicalType")))
    for path, cause in standard().errors(content):
        yield file.refusal(path, said(cause))


def meant_by(physical: Any) -> str:
    """The logical type that follows from a type of Spark; `string` if that cannot be read."""
    try:
        stored = ColumnType.parse(physical if isinstance(physical, str) else "").stem
    except TypeInvalid:
        return "string"
    if stored in INTEGERS:
        return "integer"
    return next(name for name, stems in SERVES.items() if stored in stems)


def said(error: ValidationError) -> str:
    """What the schema says, without the whole of the value."""
    if error.validator == "required":
        return "is missing"
    allowed: Any = error.validator_value
    found = "" if isinstance(error.instance, dict | list) else f" (found: {error.instance})"
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, allowed))}{found}"
    if error.validator == "type":
        return f"must be {error.validator_value}{found}"
    text = str(error.message)
    return text if len(text) < 200 else f"{text[:197]}..."
