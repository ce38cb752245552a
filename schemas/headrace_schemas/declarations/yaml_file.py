"""A YAML file as its content and its nodes, which know the lines; whatever it holds.

YAML has more in it than a declaration needs, and some of it is read otherwise than it looks. That is
refused here, with its line, before anything is made of it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from headrace_schemas.project_errors import DeclarationInvalid, DeclarationsInvalid

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is there, ten times faster: every task of Airflow reads the declarations."""

MOST_BYTES = 8 << 20
DEEPEST = 64
"""Levels of lists and mappings within each other."""

MOST_NODES = 500_000
"""Values of a file once its aliases stand for what they name: a few lines can make billions."""

TAG = "tag:yaml.org,2002:"
TEXT, MERGE = f"{TAG}str", f"{TAG}merge"
TAGS = frozenset(
    f"{TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
)
"""Kinds of values that a declaration is made of."""

NUMBERS = frozenset({f"{TAG}int", f"{TAG}float"})
ODD_NUMBER = re.compile(r"[-+]?0[0-7_]+$|[^:]*:")
"""Octal by a leading 0, and numbers to the base of sixty: 1:30 is 90."""

READ_AS = {
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "timestamp": "a date",
}

UNREADABLE = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    ArithmeticError,
    RecursionError,
)
"""What PyYAML raises for a scalar that is not what its tag says, such as `!!int x` or 2024-02-30."""


def read_yaml(file: Path) -> tuple[dict[str, Any], yaml.Node]:
    """The content of a YAML file and its node tree.

    Raises:
        DeclarationInvalid: The file cannot be read, is not YAML, holds no mapping, or holds what a
            declaration cannot mean, such as a key twice; each thing that is wrong if several are.
    """
    text = read_text(file)
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
    except UNREADABLE as error:
        raise not_yaml(file, text, error) from error
    if node is None:
        raise DeclarationInvalid(str(file), 1, "yaml", "the file is empty")
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        raise DeclarationInvalid(str(file), line, "yaml", "the file holds no mapping of keys")
    if found := Nodes(file).check(node):
        raise found[0] if len(found) == 1 else DeclarationsInvalid(found)
    try:
        content = loader.construct_document(node)
    except UNREADABLE as error:
        raise odd_scalar(file, node, error) from error
    return content, node


def read_text(file: Path) -> str:
    """The file's text.

    Raises:
        DeclarationInvalid: It is no file, too large, or not UTF-8.
    """
    try:
        if not file.is_file():
            raise DeclarationInvalid(str(file), 1, "file", "is not a file")
        raw = file.read_bytes()
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise DeclarationInvalid(str(file), 1, "file", problem) from error
    if len(raw) > MOST_BYTES:
        raise DeclarationInvalid(
            str(file), 1, "file", f"has {len(raw)} bytes, {MOST_BYTES} are read at most"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DeclarationInvalid(
            str(file), line, "file", "is not UTF-8", advice="Save it as UTF-8."
        ) from error


def not_yaml(file: Path, text: str, error: Exception) -> DeclarationInvalid:
    """What the parser says, with its line."""
    mark = getattr(error, "problem_mark", None)
    line, problem = 1, str(getattr(error, "problem", None) or error or "is not YAML")
    if mark is not None:
        line = mark.line + 1
    elif isinstance(error, yaml.reader.ReaderError) and isinstance(error.position, int):
        line = text[: error.position].count("\n") + 1
        problem = "holds a control character"
    advice = ""
    lines = text.splitlines()
    if problem == "second occurrence":
        problem = "an anchor stands twice"
    elif "another document" in problem:
        problem, advice = "the file holds several documents", "Put each one into a file of its own."
    elif "\t" in (lines[line - 1][:80] if line <= len(lines) else ""):
        advice = "Indent with blanks: YAML takes no tabs there."
    return DeclarationInvalid(str(file), line, "yaml", problem.replace("\n", " "), advice=advice)


def odd_scalar(file: Path, root: yaml.Node, error: Exception) -> DeclarationInvalid:
    """Which value the reader failed on: PyYAML says it for few."""
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or "a value is not what its tag says")
    if mark is not None:
        return DeclarationInvalid(str(file), mark.line + 1, "yaml", problem)
    for path, node in scalars(root):
        try:
            yaml.SafeLoader("").construct_object(node)
        except UNREADABLE:
            key = ".".join(str(step) for step in path)
            kind = node.tag.removeprefix(TAG)
            return DeclarationInvalid(
                str(file),
                node.start_mark.line + 1,
                key,
                f"is no {kind} that exists (found: {shortened(node.value)})",
            )
    return DeclarationInvalid(str(file), 1, "yaml", problem)


def scalars(root: yaml.Node) -> Iterator[tuple[tuple[str | int, ...], yaml.Node]]:
    """Every scalar with its path."""
    waiting: list[tuple[tuple[str | int, ...], yaml.Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            waiting += [((*path, str(key.value)), value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*path, index), value) for index, value in enumerate(node.value)]
        else:
            yield path, node


def shortened(value: object) -> str:
    """A value for a message."""
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


class Nodes:
    """One walk over a file's nodes: what YAML would take and a declaration cannot mean."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[DeclarationInvalid] = []
        self.sizes: dict[int, int] = {}
        self.open: set[int] = set()
        self.path: list[object] = []

    def check(self, root: yaml.Node) -> list[DeclarationInvalid]:
        """All that is wrong."""
        if self.walk(root) > MOST_NODES:
            self.refuse(root, f"stands for more than {MOST_NODES} values once aliases are read")
        return self.found

    def refuse(self, node: yaml.Node, problem: str, key: object = None, advice: str = "") -> None:
        """Note one thing about the node, or about a key of the mapping that is looked at."""
        path = [*self.path[:6], *([key] if key is not None else [])]
        dotted = ".".join(str(step) for step in path) or "yaml"
        line = node.start_mark.line + 1
        self.found.append(DeclarationInvalid(str(self.file), line, dotted, problem, advice=advice))

    def walk(self, node: yaml.Node) -> int:
        """How many values the node stands for; each node is looked at once."""
        if node.tag not in TAGS:
            self.refuse(
                node,
                f"YAML reads this as {node.tag.removeprefix(TAG)}",
                None,
                "Write it in quotes, or without its tag.",
            )
            return 1
        if isinstance(node, yaml.ScalarNode):
            if node.tag in NUMBERS and ODD_NUMBER.match(node.value):
                self.refuse(
                    node,
                    f"YAML reads {node.value} as another number than it looks",
                    None,
                    "Write it in quotes, or as a decimal number.",
                )
            return 1
        if id(node) in self.open:
            self.refuse(node, "an alias names what it is a part of")
            return 1
        if id(node) in self.sizes:
            return self.sizes[id(node)]
        if len(self.path) > DEEPEST:
            self.refuse(node, f"is nested more than {DEEPEST} levels deep")
            return 1
        self.open.add(id(node))
        is_mapping = isinstance(node, yaml.MappingNode)
        if isinstance(node, yaml.MappingNode):
            self.check_keys(node)
        size = 1
        for at, entry in enumerate(node.value):
            self.path.append(entry[0].value if is_mapping else at)
            size += self.walk(entry[1] if is_mapping else entry)
            self.path.pop()
        self.open.discard(id(node))
        self.sizes[id(node)] = size
        return size

    def check_keys(self, node: yaml.MappingNode) -> None:
        """Keys are texts, and none stands twice: YAML's readers keep the last silently."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, "a list or mapping stands where a key is expected")
            elif key.tag == MERGE:
                continue
            elif key.tag != TEXT:
                kind = READ_AS.get(key.tag.removeprefix(TAG), key.tag)
                advice = f'Write it in quotes: "{key.value}".'
                self.refuse(key, f"YAML reads this key as {kind}", key.value, advice)
            elif key.value in seen:
                self.refuse(key, "the key stands twice", key.value)
            else:
                seen.add(key.value)
