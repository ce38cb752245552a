"""A plugin of pytest: the cases of a project are tests, and `spark` is a session for others.

It is loaded wherever Headrace is installed, so it imports nothing heavy until it is used.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from headrace_schemas.errors import HeadraceError
from headrace_schemas.project import Project, found_above

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from headrace_jobs.testing.cases import Case
    from headrace_schemas.declarations.catalog import Catalog

CASES = "cases"
"""Folder of a project's tests in which its cases lie."""

SHOWN = 10
"""How many differences of a case are shown."""


class CaseFailed(Exception):
    """A case whose rows did not come as it wants them."""


class SparkOfTests:
    """One session for all tests of a run, started by the first that asks."""

    def __init__(self) -> None:
        self.folder: TemporaryDirectory[str] | None = None
        self.found: SparkSession | None = None

    def session(self) -> "SparkSession":
        """The session."""
        if self.found is None:
            from headrace_jobs.testing.spark import small_session  # heavy: Spark

            self.folder = TemporaryDirectory(prefix="headrace-tests-", ignore_cleanup_errors=True)
            self.found = small_session(Path(self.folder.name))
        return self.found

    def close(self) -> None:
        """End it."""
        if self.found is not None:
            self.found.stop()
        if self.folder is not None:
            self.folder.cleanup()


SPARK = pytest.StashKey[SparkOfTests]()


def pytest_configure(config: pytest.Config) -> None:
    """Make ready what starts with the first test that needs it."""
    config.addinivalue_line("markers", "spark: needs a Spark session")
    config.stash[SPARK] = SparkOfTests()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End Spark."""
    if (spark := config.stash.get(SPARK, None)) is not None:
        spark.close()


@pytest.fixture(scope="session")
def spark(pytestconfig: pytest.Config) -> "SparkSession":
    """A classic Spark session on two cores, with Delta, for the whole run."""
    return pytestconfig.stash[SPARK].session()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "CaseFile | None":
    """Take the case files of a project for tests; all else is somebody else's."""
    if file_path.suffix != ".yaml" or file_path.parent.name != CASES:
        return None
    root = found_above(file_path.parent)
    if root is None:
        return None
    project = Project.read(root)
    if file_path.parent != project.tests / CASES:
        return None
    made: CaseFile = CaseFile.from_parent(parent, path=file_path)
    made.project = project
    return made


class CaseFile(pytest.File):
    """The cases of one table."""

    project: Project
    catalog: "Catalog"

    def collect(self) -> Iterator["CaseItem"]:
        """One test a case."""
        from headrace_jobs.testing.cases import read_cases  # heavy: Spark
        from headrace_schemas.declarations.catalog import Catalog

        self.project.use()
        jars = self.project.home / "jars"
        if jars.is_dir():
            os.environ.setdefault("HEADRACE_JARS", str(jars))
        try:
            self.catalog = Catalog.load(self.project.schemas)
            cases = list(read_cases(self.path, self.catalog))
        except HeadraceError as error:
            raise self.CollectError(error.message) from error
        for case in cases:
            yield CaseItem.of(self, case)


class CaseItem(pytest.Item):
    """One case."""

    parent: CaseFile
    case: "Case"

    @classmethod
    def of(cls, parent: CaseFile, case: "Case") -> "CaseItem":
        """The test of a case."""
        made: CaseItem = cls.from_parent(parent, name=case.name)
        made.case = case
        made.add_marker("spark")
        return made

    def runtest(self) -> None:
        """Run it."""
        from headrace_jobs.testing.cases import check  # heavy: Spark

        found = check(self.config.stash[SPARK].session(), self.parent.catalog, self.case)
        if found:
            lines = [line for difference in found[:SHOWN] for line in difference.lines()]
            if len(found) > SHOWN:
                lines.append(f"and {len(found) - SHOWN} more rows")
            raise CaseFailed("\n".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A difference, or what is wrong with the case, without a traceback."""
        if isinstance(excinfo.value, CaseFailed):
            return f"{self.case.table}: rows differ (- wanted, + came)\n{excinfo.value}"
        if isinstance(excinfo.value, HeadraceError):
            return f"{type(excinfo.value).__name__}: {excinfo.value.message}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands, for pytest's headings."""
        return self.path, None, f"{self.case.table}: {self.name}"
