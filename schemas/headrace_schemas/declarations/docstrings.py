"""What docstrings say, for the JSON Schemas and the pages of reference that are made from them."""

import inspect
import re

ENTRY = re.compile(r"(\w+): (.*)")
"""The first line of an entry of a section: a name and what it means."""


def purpose(documented: type) -> str:
    """What a class is for: its docstring as far as its first section, a line a paragraph."""
    text, _, _ = split(inspect.cleandoc(documented.__doc__ or ""), "Attributes")
    return "\n".join(
        " ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()
    )


def attributes(documented: type) -> dict[str, str]:
    """What a class says of its attributes, those of the classes that it derives from included."""
    found: dict[str, str] = {}
    for base in reversed(documented.__mro__):
        found |= section(inspect.cleandoc(base.__doc__ or ""), "Attributes")
    return found


def section(docstring: str, title: str) -> dict[str, str]:
    """The entries of a section, name → meaning on one line.

    Args:
        docstring: In Google's style, without indentation.
        title: Such as `Attributes` or `Args`.
    """
    _, _, body = split(docstring, title)
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(body).splitlines():
        entry = ENTRY.fullmatch(line)
        if entry:
            name, found[entry[1]] = entry[1], entry[2]
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def split(docstring: str, title: str) -> tuple[str, str, str]:
    """What stands before a section, its title, and its lines, which are indented."""
    before, here, after = f"\n{docstring}".partition(f"\n{title}:\n")
    lines = after.splitlines()
    ends = (at for at, line in enumerate(lines) if line and not line.startswith(" "))
    return before.strip(), here, "\n".join(lines[: next(ends, len(lines))])
