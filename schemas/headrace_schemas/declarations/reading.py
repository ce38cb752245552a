"""Reading a declaration: YAML in, frozen model out, errors with file, line and known keys.

All that is wrong is found in one reading. What cannot be read is left out and the rest is read again,
so that a wrong type does not hide a wrong reference.
"""

import types
from collections.abc import Iterator
from copy import deepcopy
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from headrace_schemas.declarations.declaration import LENIENT, Declaration, KeyPath, Misfits
from headrace_schemas.declarations.declaration_file import DeclarationFile, Problems, located
from headrace_schemas.declarations.yaml_file import READ_AS, TAG, TEXT, shortened
from headrace_schemas.names import FORMS
from headrace_schemas.project_errors import DeclarationInvalid

Declared = TypeVar("Declared", bound=BaseModel)


def field_called(model: Any, step: str | int) -> Any:
    """The field that a key of the file fills."""
    for name, field in model.model_fields.items():
        if step in (field.alias or name, name):
            return field
    return None


def known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that are allowed beside the last step of `path`."""
    current: Any = model
    for step in path[:-1]:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = field_called(current, step)
            current = innermost(field.annotation) if field else current
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(field.alias or name for name, field in current.model_fields.items())
    return []


def innermost(annotation: Any) -> Any:
    """The model inside optional, list and mapping annotations; the annotation itself if none."""
    if get_origin(annotation) is None:
        return annotation
    for argument in reversed(get_args(annotation)):
        inner = innermost(argument)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation)[0] if is_union else annotation


def validated(model: type[Declared], content: Any, file: Path, node: yaml.Node) -> Declared:
    """`content` as `model`.

    Raises:
        DeclarationInvalid: For everything that does not fit.
    """
    problems = Problems()
    declared = declared_as(model, DeclarationFile(file, content, node), problems)
    problems.raise_any()
    assert declared is not None  # noqa: S101 - for the type checker: nothing was refused
    return declared


def loaded(model: type[Declared], path: Path) -> Declared:
    """The file as `model`.

    Raises:
        DeclarationInvalid: For everything that does not fit.
    """
    file = DeclarationFile.read(path)
    return validated(model, file.content, path, file.node)


def declared_as(
    model: type[Declared], file: DeclarationFile, problems: Problems
) -> Declared | None:
    """The file as `model`, with what can be read of it; what cannot is noted.

    Fields of the answer that could not be read are not there. None if nothing could.
    """
    content, declared = file.content, None
    removed, meant = set[KeyPath](), set[KeyPath]()
    while declared is None:
        try:
            declared = model.model_validate(content, context=LENIENT)
        except ValidationError as error:
            content = deepcopy(content) if content is file.content else content
            refused = by_place(file, error)
            meant |= misspelt(model, refused)
            for path, found in refused.items():
                if path not in removed and path not in meant:
                    problems.add_unread(refusal(model, file, path, found))
            before = len(removed)
            for path in refused:
                take_out(content, path, removed)
            if len(removed) == before:
                declared = partial(model, content)
    if isinstance(declared, Declaration):
        for misfit in declared.misfits():
            problems.add(file.refusal(misfit.path, misfit.problem, advice=misfit.advice))
        for path in flags_as_numbers(declared, content, ()):
            problems.add(
                file.refusal(path, "must be a number, and YAML reads this as true or false")
            )
    return declared


OF_OTHERS = frozenset({"params"})
"""Keys below which another library says what a value may be."""


def flags_as_numbers(declared: Any, content: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Where a `yes`, `on` or `true` became a number: Python takes them for 1."""
    if isinstance(content, bool) and type(declared) in (int, float):
        yield path
    elif isinstance(content, dict):
        for key, value in content.items():
            if key in OF_OTHERS:
                continue
            inner = declared.get(key) if isinstance(declared, dict) else field_value(declared, key)
            yield from flags_as_numbers(inner, value, (*path, key))
    elif isinstance(content, list) and isinstance(declared, tuple):
        for index, (inner, value) in enumerate(zip(declared, content, strict=False)):
            yield from flags_as_numbers(inner, value, (*path, index))


def field_value(declared: Any, key: str) -> Any:
    """What a key of the file became; None if nothing did."""
    if not isinstance(declared, BaseModel):
        return None
    fields = type(declared).model_fields.items()
    named = next((name for name, field in fields if key in (field.alias or name, name)), key)
    return declared.__dict__.get(named)


def by_place(file: DeclarationFile, error: ValidationError) -> dict[KeyPath, list[Any]]:
    """What pydantic refuses, by where it stands in the file."""
    refused: dict[KeyPath, list[Any]] = {}
    for detail in error.errors():
        path = in_file(file.node, detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, Misfits):  # of a field's validator, which knows places below it
            for misfit in cause.found:
                said = {**detail, "type": "misfit", "msg": misfit.problem}
                refused.setdefault((*path, *misfit.path), []).append(said)
            continue
        if detail["type"] == "missing":
            path = (*in_file(file.node, detail["loc"][:-1]), detail["loc"][-1])
        refused.setdefault(path, []).append(detail)
    return refused


def misspelt(model: type[BaseModel], refused: dict[KeyPath, list[Any]]) -> set[KeyPath]:
    """Keys that are missing because they are written otherwise: naming the unknown key is enough."""
    unknown = [path for path, found in refused.items() if found[0]["type"] == "extra_forbidden"]
    return {
        (*path[:-1], close)
        for path in unknown
        for close in get_close_matches(str(path[-1]), known_keys(model, path), 1)
    }


def in_file(node: yaml.Node, loc: KeyPath) -> KeyPath:
    """A place as pydantic names it without the steps that are alternatives of a type."""
    path: KeyPath = ()
    for step in loc:
        if located(node, (*path, step))[1] is not None:
            path = (*path, step)
    return path


def refusal(
    model: type[BaseModel], file: DeclarationFile, path: KeyPath, found: list[Any]
) -> DeclarationInvalid:
    """One error about what pydantic found at one place."""
    kinds = {detail["type"] for detail in found}
    if "extra_forbidden" in kinds:
        allowed = known_keys(model, path)
        close = get_close_matches(str(path[-1]), allowed, 1)
        advice = f"Did you mean {close[0]}?" if close else ""
        return file.refusal(path, "unknown key", allowed, advice)
    if "missing" in kinds:
        return file.refusal(path, "is missing")
    problem = " or ".join(dict.fromkeys(worded(detail) for detail in found))
    node = located(file.node, path)[1]
    value, advice = shortened(found[0]["input"]), ""
    if isinstance(node, yaml.ScalarNode):
        value = shortened(node.value) if node.value else "nothing"
        kind = READ_AS.get(node.tag.removeprefix(TAG))
        if kinds & {"string_type", "enum", "literal_error"} and node.tag != TEXT and kind:
            problem += f", and YAML reads this as {kind}"
            advice = f'Write it in quotes: "{node.value}".' if node.value else ""
        elif "model_type" in kinds and "value" in known_keys(model, (*path, "value")):
            advice = f"Write {{value: {value}}}."  # an entry of ODCS's `enum`
    shown = "" if "(found: " in problem else f" (found: {value})"
    return file.refusal(path, f"{problem}{shown}", advice=advice)


WORDS = {
    "string_type": "must be text",
    "dict_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
}


def worded(error: Any) -> str:
    """What pydantic says, in the words of declarations."""
    if error["type"] == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return FORMS.get(pattern, f"must match {pattern}")
    said: str = WORDS.get(error["type"], error["msg"])
    said = said.removeprefix("Value error, ").replace("Input should", "must").rstrip(".")
    return said.replace("must have", "must hold").replace("Tuple", "the list")


def take_out(content: Any, path: KeyPath, removed: set[KeyPath]) -> None:
    """Take the value at `path` out, or what it is needed for, unless that is done."""
    if any(path[:depth] in removed for depth in range(1, len(path))):
        return
    while path and (path in removed or not remove(content, path)):
        path = path[:-1]
    if path:
        removed.add(path)


def remove(content: Any, path: KeyPath) -> bool:
    """Take the value at `path` out of `content`; whether it was there."""
    if not path:
        return False
    for step in path[:-1]:
        try:
            content = content[step]
        except (LookupError, TypeError):
            return False
    if isinstance(content, dict) and path[-1] in content:
        del content[path[-1]]
        return True
    if isinstance(content, list) and isinstance(path[-1], int) and path[-1] < len(content):
        content[path[-1]] = None  # the places of the others stay
        return True
    return False


def partial(model: type[Declared], content: dict[str, Any]) -> Declared | None:
    """The fields that can be read alone; the others are not there, not even by their default."""
    values: dict[str, Any] = {}
    unread = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in content:
            unread += [name] if field.is_required() else []
            continue
        alone: Any = Annotated[field.annotation, Field(), *field.metadata]
        adapter: TypeAdapter[Any] = TypeAdapter(alone)
        try:
            values[name] = adapter.validate_python(content[key], context=LENIENT)
        except ValidationError:
            unread.append(name)
    declared = model.model_construct(**values)
    for name in unread:
        declared.__dict__.pop(name, None)
    return declared


def note_unknown_keys(model: type[BaseModel], file: DeclarationFile, problems: Problems) -> None:
    """For models of other packages that drop unknown keys silently: refuse them instead."""
    for here, fields in unknown_keys(model, file.content, ()):
        close = get_close_matches(str(here[-1]), fields, 1)
        advice = f"Did you mean {close[0]}?" if close else ""
        problems.add_unread(file.refusal(here, "unknown key", fields, advice))
        if close:
            problems.leave_out(file, (*here[:-1], close[0]))


def unknown_keys(
    model: type[BaseModel], content: Any, path: KeyPath
) -> Iterator[tuple[KeyPath, list[str]]]:
    """Keys that `model` does not have, with those that it has."""
    if not isinstance(content, dict):
        return
    fields = models_within(model)
    for key, value in content.items():
        if key not in fields:
            yield (*path, key), sorted(fields)
        elif (inner := fields[key]) is not None:
            if isinstance(value, list):
                for index, entry in enumerate(value):
                    yield from unknown_keys(inner, entry, (*path, key, index))
            else:
                yield from unknown_keys(inner, value, (*path, key))


@cache
def models_within(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Key → the model that stands there; None for a plain value."""
    inner = {
        field.alias or name: innermost(field.annotation)
        for name, field in model.model_fields.items()
    }
    return {
        key: annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel)
        else None
        for key, annotation in inner.items()
    }
