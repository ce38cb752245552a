"""A file of declarations with its lines, and what is wrong in such files so far."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from headrace_schemas.declarations.declaration import KeyPath
from headrace_schemas.declarations.yaml_file import read_yaml
from headrace_schemas.project_errors import DeclarationInvalid, DeclarationsInvalid


class Problems:
    """What is wrong so far, and what could not be read: of that nothing more is said."""

    def __init__(self) -> None:
        self.found: list[DeclarationInvalid] = []
        self.unread: dict[str, list[str]] = {}

    def add(self, problem: DeclarationInvalid) -> None:
        """Note a problem, unless it follows from one that is noted."""
        for refusal in problem.problems:
            file, _, key = refusal.place
            unread = self.unread.get(file, ())
            is_new = all(refusal.message != other.message for other in self.found)
            if is_new and not any(related(key, other) for other in unread):
                self.found.append(refusal)

    def leave_out(self, file: "DeclarationFile", path: KeyPath) -> None:
        """Say nothing of a value: another one stands where it is meant to be."""
        dotted = ".".join(str(step) for step in path)
        self.unread.setdefault(str(file.path), []).append(dotted)

    def add_unread(self, problem: DeclarationInvalid) -> None:
        """Note a value that cannot be read."""
        self.add(problem)
        file, _, key = problem.place
        self.unread.setdefault(file, []).append(key)

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Notes what is refused within."""
        try:
            yield
        except DeclarationInvalid as error:
            self.add(error)

    def raise_any(self) -> None:
        """Refuse if anything is wrong.

        Raises:
            DeclarationInvalid: The one thing that is wrong, or all of them.
        """
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise DeclarationsInvalid(self.found)


def related(key: str, other: str) -> bool:
    """Whether one dotted key is the other, or a part of it."""
    return key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.")


@dataclass(frozen=True)
class DeclarationFile:
    """A file that is YAML: its content, and its nodes, which know the lines."""

    path: Path
    content: dict[str, Any]
    node: yaml.Node

    @classmethod
    def read(cls, path: Path) -> "DeclarationFile":
        """Read it.

        Raises:
            DeclarationInvalid: It is not YAML, or holds what a declaration cannot mean.
        """
        return cls(path, *read_yaml(path))

    def value_at(self, key: str) -> Any:
        """The value at a dotted key; None if there is none."""
        value: Any = self.content
        for step in key.split("."):
            if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            elif isinstance(value, dict):
                value = value.get(step)
            else:
                return None
        return value

    def refusal(
        self, path: KeyPath, problem: str, allowed: Iterable[str] = (), advice: str = ""
    ) -> DeclarationInvalid:
        """An error that names file, line and key, and where it can the column and the value."""
        key = ".".join(str(step) for step in path) or "file"
        mark, node = located(self.node, path)
        value = node.value if isinstance(node, yaml.ScalarNode) else None
        return DeclarationInvalid(
            str(self.path),
            mark.line + 1,
            key,
            problem,
            tuple(allowed),
            advice,
            column=mark.column + 1,
            value=value,
        )

    def place_of(self, value: object, path: KeyPath) -> KeyPath:
        """Where a value stands below `path`, or a key; nowhere if neither does."""
        within: Any = self.content
        for step in path:
            within = within[step]
        return next(places(within, value, ()), next(key_places(within, value, ()), ()))


def places(within: Any, value: object, path: KeyPath) -> Iterator[KeyPath]:
    """Where a value stands within another one."""
    if value is None:
        return
    if path and str(within) == str(value):
        yield path
    elif isinstance(within, dict | list):
        inner = within.items() if isinstance(within, dict) else enumerate(within)
        for key, child in inner:
            yield from places(child, value, (*path, key))


def key_places(within: Any, key: object, path: KeyPath) -> Iterator[KeyPath]:
    """Where a key stands within a value."""
    if isinstance(within, dict) and isinstance(key, str) and key in within:
        yield (*path, key)
    if isinstance(within, dict | list):
        for step, child in within.items() if isinstance(within, dict) else enumerate(within):
            yield from key_places(child, key, (*path, step))


def line_of(node: yaml.Node, path: KeyPath) -> int:
    """The line of the deepest part of `path` that exists in the file."""
    return located(node, path)[0].line + 1


def located(node: yaml.Node, path: KeyPath) -> tuple[yaml.Mark, yaml.Node | None]:
    """Where the deepest part of `path` that exists begins, and the node there if all of it does."""
    mark = node.start_mark
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                return mark, None
            mark, node = found[-1][0].start_mark, found[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                return mark, None
            node = node.value[step]
            mark = node.start_mark
        else:
            return mark, None
    return mark, node
