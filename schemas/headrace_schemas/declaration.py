"""Reading a declaration: YAML in, frozen model out, errors with file, line and known keys."""

import types
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from headrace_schemas.errors import DeclarationInvalid

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is there, ten times faster: every task of Airflow reads the declarations."""


class Frozen(BaseModel):
    """What all declared things are: immutable, and refusing what they do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Declared = TypeVar("Declared", bound=BaseModel)


def read_yaml(file: Path) -> tuple[Any, yaml.Node]:
    """The content of a YAML file and its node tree, which knows the lines.

    Raises:
        DeclarationInvalid: The file is not YAML, is empty, or names a key twice.
    """
    text = file.read_text(encoding="utf-8")
    try:
        loader = LOADER(text)
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error) or "not YAML"
        raise DeclarationInvalid(str(file), line, "yaml", problem) from error
    if node is None or not isinstance(content, dict):
        raise DeclarationInvalid(str(file), 1, "yaml", "the file holds no mapping")
    refuse_double_keys(file, node)
    return content, node


def refuse_double_keys(file: Path, node: yaml.Node) -> None:
    """YAML readers keep the last of two equal keys silently; a declaration must not."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise DeclarationInvalid(str(file), line, key.value, "the key stands twice")
            seen.add(key.value)
            refuse_double_keys(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            refuse_double_keys(file, value)


def line_of(node: yaml.Node, path: tuple[str | int, ...]) -> int:
    """The line of the deepest part of `path` that exists in the file."""
    line = node.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                break
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def known_keys(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that are allowed beside the last step of `path`."""
    current: Any = model
    for step in path[:-1]:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(step))
            current = innermost(field.annotation) if field else current
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(field.alias or name for name, field in current.model_fields.items())
    return []


def innermost(annotation: Any) -> Any:
    """The model inside optional, list and mapping annotations; the annotation itself if none."""
    if get_origin(annotation) is None:
        return annotation
    for part in reversed(get_args(annotation)):
        inner = innermost(part)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation)[0] if is_union else annotation


def validated(model: type[Declared], content: Any, file: Path, node: yaml.Node) -> Declared:
    """`content` as `model`.

    Raises:
        DeclarationInvalid: For the first thing that does not fit.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one: saying which is unknown helps more.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        path = first["loc"]
        key = ".".join(str(step) for step in path) or model.__name__
        allowed = known_keys(model, path) if first["type"] == "extra_forbidden" else []
        problem = "unknown key" if allowed else first["msg"].rstrip(".")
        if first["type"] not in ("extra_forbidden", "missing") and path:
            problem = f"{problem} (found: {str(first['input'])[:60]})"
        line = line_of(node, path)
        raise DeclarationInvalid(str(file), line, key, problem, allowed) from error


def refuse_unknown_keys(
    model: type[BaseModel], content: Any, file: Path, root: yaml.Node, path: tuple[str | int, ...]
) -> None:
    """For models of other packages that drop unknown keys silently: refuse them instead.

    Raises:
        DeclarationInvalid: For the first unknown key.
    """
    if not isinstance(content, dict):
        return
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for key, value in content.items():
        here = (*path, key)
        if key not in fields:
            dotted = ".".join(str(step) for step in here)
            raise DeclarationInvalid(
                str(file), line_of(root, here), dotted, "unknown key", sorted(fields)
            )
        inner = innermost(fields[key].annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            entries = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, entry in entries:
                deeper = here if index is None else (*here, index)
                refuse_unknown_keys(inner, entry, file, root, deeper)
