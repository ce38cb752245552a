"""What `headrace validate` prints: lines for people, JSON and SARIF for programs."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace_launcher.project.findings import finding, sarif
from headrace_launcher.project.validate import Checked, validate
from headrace_schemas.errors import DeclarationInvalid


def shown(root: Path, *, as_json: bool, as_sarif: bool) -> bool:
    """Check the declarations below `root`, print what is found, and say whether all is right."""
    checked: Checked | None = None
    problems: Sequence[DeclarationInvalid] = ()
    try:
        checked = validate(root)
    except DeclarationInvalid as error:
        problems = error.problems
    if as_sarif:
        print_document(sarif(root, problems, Path.cwd()))
    elif as_json:
        found = [finding(root, one) for one in problems]
        counts = dataclasses.asdict(checked) if checked else None
        print_document({"is_right": checked is not None, "checked": counts, "problems": found})
    elif checked is not None:
        sys.stdout.write(
            f"{checked.contracts} contracts with {checked.rules} rules, {checked.pipelines} "
            f"pipelines, {checked.models} models and {checked.transforms} transforms are right.\n"
        )
    else:
        sys.stderr.write(lines(problems))
    return checked is not None


def print_document(document: dict[str, Any]) -> None:
    """A document on standard output."""
    sys.stdout.write(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n")


def lines(problems: Sequence[DeclarationInvalid]) -> str:
    """A line for each problem, and how many they are."""
    files = len({one.fields["file"] for one in problems})
    things = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    count = f"{things} wrong in {files} file{'' if files == 1 else 's'}."
    return "".join(f"{one}\n" for one in (*(one.message for one in problems), count))
