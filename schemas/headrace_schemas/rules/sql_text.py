"""The text of a rule's SQL: its tokens, so that nothing inside a literal or a comment is touched.

What is run is what is written: only placeholders such as `{table}` are filled in, and only where
they are code. What the SQL may look at is `rule_sql`'s to say.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)
    |(?P<raw>[rR](?:'[^']*'|"[^"]*"))
    |(?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
    |(?P<quoted>`(?:[^`]|``)*`)
    |(?P<placeholder>\$?\{\w+\})
    |(?P<number>\d[\w.]*)
    |(?P<word>\w+)
    |(?P<space>\s+)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)

SILENT = frozenset({"space", "comment"})
ROWS_OF_BATCH = ("select", "*", "from", "{batch}", "where")


class SqlUnreadable(ValueError):
    """SQL of a rule that cannot be taken as it is written."""


@dataclass(frozen=True)
class Token:
    """A piece of SQL: its kind, a group of `TOKEN`, and its place."""

    kind: str
    text: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """All of `text`, blanks and comments included."""
    for found in TOKEN.finditer(text):
        yield Token(str(found.lastgroup), found.group(), found.start(), found.end())


def code(text: str) -> list[Token]:
    """The tokens that are neither blank nor comment."""
    return [token for token in tokens(text) if token.kind not in SILENT]


def statement(text: str) -> str:
    """`text` without blanks around it and without a semicolon at its end.

    Raises:
        SqlUnreadable: It is more than one statement, or parentheses or quotes do not close.
    """
    found = code(text)
    if found and found[-1].text == ";":
        text = text[: found[-1].start] + text[found[-1].end :]
        found.pop()
    depth = 0
    for token in found:
        if token.text == ";":
            raise SqlUnreadable("`;` ends it: give one statement")
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth < 0:
            raise SqlUnreadable("`)` closes nothing")
        if token.kind == "sign" and token.text in "'\"`":
            raise SqlUnreadable(f"{token.text} does not close")
    if depth:
        raise SqlUnreadable("`(` does not close")
    if not found:
        raise SqlUnreadable("says nothing")
    return text.strip()


def where_clause(query: str) -> str:
    """The predicate of `SELECT * FROM {batch} WHERE <predicate>`, to the letter.

    Raises:
        SqlUnreadable: The query reads otherwise.
    """
    text = statement(query)
    found = code(text)
    size = len(ROWS_OF_BATCH)
    head = tuple(token.text.lower().lstrip("$") for token in found[:size])
    if head != ROWS_OF_BATCH or len(found) == size:
        raise SqlUnreadable(
            "must read: SELECT * FROM {batch} WHERE <bad rows>, of no other table and without "
            "another name for the batch"
        )
    return text[found[size - 1].end :].strip()


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its placeholders, `{name}` or `${name}`, replaced; literals stay.

    Raises:
        SqlUnreadable: A placeholder that is not among `values`.
    """
    parts = []
    for token in tokens(text):
        name = token.text.lstrip("$")[1:-1].lower() if token.kind == "placeholder" else ""
        if name and name not in values:
            known = ", ".join(f"{{{key}}}" for key in values)
            raise SqlUnreadable(f"{token.text} stands for nothing here; known: {known}")
        parts.append(values[name] if name else token.text)
    return "".join(parts)
