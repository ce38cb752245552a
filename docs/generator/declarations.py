"""The keys of pipelines, models and projects, from their JSON Schemas."""

import json
import re
from collections.abc import Iterator
from typing import Any

from docs.generator.markdown import table

from headrace_launcher.project.validate import EDITOR_SCHEMAS
from headrace_schemas.names import FORMS
from headrace_schemas.project import ProjectTable

Schema = dict[str, Any]

DECLARED = {**EDITOR_SCHEMAS, "project": ProjectTable}

BOUNDS = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
}


def keys(name: str) -> str:
    """A table for each mapping of a declaration, those that hold others first."""
    schema = DECLARED[name].model_json_schema()
    found = list(mappings(schema, schema, ""))
    paths = {id(one): path for path, one in reversed(found)}
    return "\n\n".join(described(schema, path, one, paths) for path, one in found)


def mappings(root: Schema, schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """A mapping and all within it, with the keys that lead there."""
    yield path, schema
    for key, value in schema["properties"].items():
        for step, inner in within(root, value):
            yield from mappings(root, inner, f"{path}.{key}{step}".lstrip("."))


def within(root: Schema, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Mappings with keys of their own that a value is or holds, and the step to them."""
    for one in alternatives(root, schema):
        if "properties" in one:
            yield "", one
        elif isinstance(one.get("additionalProperties"), dict):
            for step, inner in within(root, one["additionalProperties"]):
                yield f".<name>{step}", inner
        elif isinstance(one.get("items"), dict):
            for step, inner in within(root, one["items"]):
                yield f"[]{step}", inner


def alternatives(root: Schema, schema: Schema) -> list[Schema]:
    """What a value may be, but for none."""
    if "$ref" in schema:
        return [root["$defs"][schema["$ref"].rpartition("/")[2]]]
    found = [each for one in schema.get("anyOf", ()) for each in alternatives(root, one)]
    return [one for one in found or [schema] if one.get("type") != "null"]


def described(root: Schema, path: str, schema: Schema, paths: dict[int, str]) -> str:
    """One mapping: what it is, and its keys."""
    heading = f"## `{path}`" if path else "## Keys"
    needed = schema.get("required", ())
    rows = [
        (
            f"`{key}`",
            " or ".join(kind(root, one, paths) for one in alternatives(root, value)),
            "**needed**" if key in needed else default(value),
            value["description"],
        )
        for key, value in schema["properties"].items()
    ]
    shown = table(("key", "value", "default", "meaning"), rows)
    return f"{heading}\n\n{schema['description']}\n\n{shown}"


def kind(root: Schema, schema: Schema, paths: dict[int, str]) -> str:
    """Which values there are."""
    if values := schema.get("enum"):
        return ", ".join(f"`{one}`" for one in values)
    if "properties" in schema:
        path = paths[id(schema)]
        return f"[`{path}`](#{re.sub(r'[^a-z0-9_-]', '', path)})"
    inner = schema.get("additionalProperties") or schema.get("items")
    if isinstance(inner, dict):
        each = " or ".join(kind(root, one, paths) for one in alternatives(root, inner))
        return f"mapping: name → {each}" if schema["type"] == "object" else f"list of {each}"
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "`true`, `false`",
        "object": "mapping",
    }
    word = "day" if schema.get("format") == "date" else words.get(schema["type"], schema["type"])
    bounds = [text.format(schema[key]) for key, text in BOUNDS.items() if key in schema]
    form = FORMS.get(schema.get("pattern", ""), "").replace("must", "which must", 1)
    return ", ".join(filter(None, [f"{word} {' '.join(bounds)}".strip(), form]))


def default(schema: Schema) -> str:
    """What holds where the key is not there."""
    value = schema.get("default")
    if value is None or value == [] or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`"
