"""Follows a page of the docs as a reader would: writes its files and types its commands, in their order."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ANNOUNCED = re.compile(r"`([\w./-]+\.\w+)`:\s*$")
"""A block after a sentence that ends with a file's name and a colon is that file."""


@dataclass(frozen=True)
class Step:
    """What a block asks of its reader.

    Attributes:
        text: The file's content, the commands a line each, or a script.
        file: The file that is to be written; None for commands and scripts.
        language: As the block says it.
    """

    text: str
    language: str
    file: str | None = None


def steps(page: str) -> Iterator[Step]:
    """Every block of a page (a path below `docs/`) that asks for something."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        language, content = block.groups()
        announced = ANNOUNCED.search(text[: block.start()].rstrip())
        if language == "console":
            typed = [line[2:] for line in content.splitlines() if line.startswith("$ ")]
            yield Step("\n".join(typed), language)
        elif announced:
            yield Step(content, language, announced[1])
        elif language == "python":
            yield Step(content, language)


@dataclass
class Reader:
    """A reader at a shell, who knows nothing but the page.

    Attributes:
        folder: The working folder; `cd` changes it.
        environment: Of the shell; what a command exports stays.
    """

    folder: Path
    environment: dict[str, str]
    printed: list[str] = field(default_factory=list)

    def follow(self, page: str, types: Callable[[str], bool] = lambda command: True) -> None:
        """Do what the page says; of its commands, those that `types` lets through."""
        for step in steps(page):
            if step.file:
                self.write(step.file, step.text)
            elif step.language == "console":
                for command in filter(types, step.text.splitlines()):
                    self.type(command)
            else:
                self.type(f"{sys.executable} - <<'SCRIPT'\n{step.text}SCRIPT")

    def write(self, file: str, text: str) -> None:
        """Write a file, as an editor does."""
        target = self.folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def type(self, command: str) -> str:
        """Type a command, which must succeed; what it printed."""
        after = "cd=$PWD; export cd; env -0 >&3"
        done = subprocess.run(
            ["bash", "-c", f"exec 3>&1 1>&2; set -e\n{{ {command}\n}} 3>&-\n{after}"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=False,
        )
        printed = done.stderr.decode()
        assert done.returncode == 0, f"{command}\n{printed}"
        found = dict(one.split("=", 1) for one in done.stdout.decode().split("\0") if "=" in one)
        self.folder = Path(found.pop("cd"))
        self.environment = found
        self.printed.append(printed)
        return printed
