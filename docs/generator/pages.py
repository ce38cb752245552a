"""Pages of the reference: prose that people write, and blocks between marks that code fills.

A block begins with a comment that names it, and ends with another:

    <!-- made by `make docs`: keys pipeline -->
    <!-- end -->
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generator import (
    command_line,
    contracts,
    declarations,
    errors,
    glossary,
    operators,
    settings,
)

PROJECT = Path(__file__).resolve().parents[2]

PAGES = sorted((PROJECT / "docs" / "reference").glob("*.md"))

BLOCK = re.compile(
    r"(?P<begin><!-- made by `make docs`: (?P<name>\S+)(?: (?P<argument>\S+))? -->\n).*?"
    r"(?P<end><!-- end -->\n)",
    re.DOTALL,
)


def example(path: str) -> str:
    """A file of this repository, as it is."""
    text = (PROJECT / path).read_text(encoding="utf-8").rstrip("\n")
    return f"`{path}`:\n\n```{path.rpartition('.')[2]}\n{text}\n```"


BLOCKS: Mapping[str, Callable[..., str]] = {
    "commands": command_line.commands,
    "errors": errors.errors,
    "example": example,
    "expectations": contracts.expectations,
    "glossary": glossary.glossary,
    "keys": declarations.keys,
    "metrics": contracts.metrics,
    "operators": operators.operators,
    "options": contracts.options,
    "settings": settings.settings,
    "types": contracts.types,
}
"""What fills a block, by its name; some take an argument."""


def filled(page: str) -> str:
    """The page with every block as the code is now."""

    def block(found: re.Match[str]) -> str:
        arguments = [found["argument"]] if found["argument"] else []
        return f"{found['begin']}\n{BLOCKS[found['name']](*arguments)}\n\n{found['end']}"

    return BLOCK.sub(block, page)
