"""What `headrace validate` prints: lines for people, JSON and SARIF for programs."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from headrace_launcher.cli.output import write_json
from headrace_launcher.project.findings import finding, sarif
from headrace_launcher.project.validate import DeclarationCounts, validate
from headrace_schemas.project_errors import DeclarationInvalid


def shown(root: Path, *, as_json: bool, as_sarif: bool) -> bool:
    """Check the declarations below `root`, print what is found, and say whether all is right."""
    checked: DeclarationCounts | None = None
    problems: Sequence[DeclarationInvalid] = ()
    try:
        checked = validate(root)
    except DeclarationInvalid as error:
        problems = error.problems
    if as_sarif:
        write_json(sarif(root, problems, Path.cwd()))
    elif as_json:
        found = [finding(root, problem) for problem in problems]
        counts = dataclasses.asdict(checked) if checked else None
        write_json({"is_right": checked is not None, "checked": counts, "problems": found})
    elif checked is not None:
        sys.stdout.write(
            f"{checked.contracts} contracts with {checked.rules} rules, {checked.pipelines} "
            f"pipelines, {checked.models} models and {checked.transforms} transforms are right.\n"
        )
    else:
        sys.stderr.write(lines(problems))
    return checked is not None


def lines(problems: Sequence[DeclarationInvalid]) -> str:
    """A line for each problem, and how many they are."""
    files = len({problem.fields["file"] for problem in problems})
    things = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    count = f"{things} wrong in {files} file{'' if files == 1 else 's'}."
    return "".join(f"{line}\n" for line in (*(problem.message for problem in problems), count))
