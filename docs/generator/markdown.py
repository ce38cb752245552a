"""Markdown from texts and docstrings."""

import inspect
import re
from collections.abc import Iterable, Sequence

from headrace_schemas.declarations.docstrings import section, split

SECTIONS = {"Args": "Takes", "Attributes": "Has", "Returns": "Gives", "Raises": "Raises"}
"""Titles in docstrings, and what stands in a page for them."""


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar within a cell is no border."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cell(one) for one in line)} |" for line in lines)


def cell(text: str) -> str:
    """A text on one line."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def sentence(text: str) -> str:
    """A text with a capital and a full stop, unless it begins with code."""
    begun = text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."


def code(text: str) -> str:
    """A text as code; nothing for none."""
    return f"`{text}`" if text else ""


def said(docstring: str | None) -> str:
    """A docstring in Google's style: its paragraphs, and its sections as lists."""
    text = inspect.cleandoc(docstring or "")
    before = text
    for title in SECTIONS:
        before = split(before, title)[0]
    parts = [" ".join(one.split()) for one in before.split("\n\n")]
    for title, shown in SECTIONS.items():
        if entries := section(text, title):
            items = "\n".join(f"- `{name}`: {meaning}" for name, meaning in entries.items())
            parts.append(f"{shown}:\n\n{items}")
    return "\n\n".join(parts)
