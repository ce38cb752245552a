"""The project's cases, run by pytest in a process of its own."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

from headrace_launcher.errors import ToolMissing, UnknownName
from headrace_schemas.project import Project

PLUGIN = "headrace_jobs.testing.plugin"
"""Named for pytest, so that cases are found where the entry point is not."""


@dataclass(frozen=True)
class CaseResult:
    """What came of one case.

    Attributes:
        problem: What differs, or went wrong; empty if it passed.
    """

    table: str
    case: str
    problem: str


def case_files(project: Project, tables: Sequence[str]) -> list[Path]:
    """The case files of tables, or all of the project's.

    Raises:
        UnknownName: A table has none.
    """
    folder = project.tests / "cases"
    known = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    for table in tables:
        if table not in known:
            raise UnknownName("case file of", table, sorted(known))
    return [known[table] for table in tables] if tables else list(known.values())


def run_cases(
    project: Project, files: Sequence[Path], environment: Mapping[str, str], as_json: bool
) -> tuple[int, list[CaseResult]]:
    """Run case files; pytest's exit code, and what came of each case.

    Raises:
        ToolMissing: There is no pytest here.
    """
    if find_spec("pytest") is None:
        raise ToolMissing("pytest", "Cases are run by it: pip install pytest")
    with TemporaryDirectory(prefix="headrace-cases-") as folder:
        written = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider"]
        command += [f"--junitxml={written}", *map(str, files)]
        done = subprocess.run(
            command,
            cwd=project.root,
            env=dict(environment),
            stdout=sys.stderr if as_json else None,
            check=False,
        )
        return done.returncode, results(written)


def results(written: Path) -> list[CaseResult]:
    """What pytest wrote of each case, as JUnit's XML."""
    if not written.exists():
        return []
    found = []
    for case in ElementTree.parse(written).getroot().iter("testcase"):  # noqa: S314 - our own file
        problems = [child.text or "" for child in case if child.tag in ("failure", "error")]
        table = case.get("classname", "").removeprefix("tests.cases.").removesuffix(".yaml")
        found.append(CaseResult(table, case.get("name", ""), "\n".join(problems)))
    return found


def as_json(found: Sequence[CaseResult]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(result) for result in found]
