"""A project: the folder of a team's declarations, transforms and extensions, and where its data lies.

It is the folder whose `pyproject.toml` has a table `[tool.headrace]`. Everything that runs for it
(Airflow's Dags, jobs, Spark's Python workers, the command line, containers) takes places from here.
"""

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import Field, ValidationError, field_validator

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.project_errors import ProjectInvalid, ProjectMissing, ProjectVersionUnfit

FILE = "pyproject.toml"

VARIABLE = "HEADRACE_PROJECT"
"""Names the project's folder; without it, the folder is looked for upwards from the working one."""


class ProjectTable(Frozen):
    """The table `[tool.headrace]` of a project's `pyproject.toml`; paths are relative to its folder.

    Attributes:
        name: What the project is called, in words of a folder's name.
        requires: Versions of Headrace that the project is for, as `>=0.1,<0.2`.
        schemas: Folder of contracts, pipelines and models.
        dags: Folder that Airflow reads Dags from.
        plugins: Folder that Airflow reads plugins from.
        tests: Folder of the project's tests, with its cases in `cases/`.
        packages: Folders that Python imports from: transforms and extensions lie there.
        home: Folder of what runs: state, logs, secrets, and the lake where `lake` names no other.
        lake: Root of the lake, a path or a URI; `lake` in the home if it is not given.
        landing: Root of the landing area, a path or a URI; `landing` in the home if it is not given.
        deliveries: `module:function` that writes deliveries for a replay into a folder.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    requires: str
    schemas: str = "schemas"
    dags: str = "dags"
    plugins: str = "plugins"
    tests: str = "tests"
    packages: tuple[str, ...] = ("jobs",)
    home: str = ".headrace"
    lake: str | None = None
    landing: str | None = None
    deliveries: str | None = None

    @field_validator("requires")
    @classmethod
    def _is_a_range(cls, given: str) -> str:
        try:
            SpecifierSet(given)
        except InvalidSpecifier as error:
            raise ValueError("is no range of versions, as >=0.1,<0.2") from error
        return given


class Project(Frozen):
    """A project as found on this machine: all paths are absolute.

    Attributes:
        root: The folder with `pyproject.toml`.
        table: What it declares.
        home: Folder of what runs for it.
        lake: Root of its lake, a path or a URI.
        landing: Root of its landing area, a path or a URI.
    """

    root: Path
    table: ProjectTable
    home: Path
    lake: str
    landing: str

    @classmethod
    def current(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The project of this process: HEADRACE_PROJECT, else the working folder's.

        Raises:
            ProjectMissing: There is none.
            ProjectInvalid: Its table cannot be read.
            ProjectVersionUnfit: It is for other versions of Headrace.
        """
        named = environ.get(VARIABLE)
        root = Path(named).absolute() if named else found_above(Path.cwd())
        if root is None or not declares(root / FILE):
            raise ProjectMissing(str(root or Path.cwd()), named is not None)
        return cls.read(root, environ)

    @classmethod
    def around(cls, file: Path, environ: Mapping[str, str] = os.environ) -> Self:
        """The project that a file of it lies in, else the current one.

        A file comes first: a versioned bundle of Airflow keeps a checkout of each version.
        """
        root = found_above(file.resolve().parent)
        return cls.read(root, environ) if root else cls.current(environ)

    @classmethod
    def read(cls, root: Path, environ: Mapping[str, str] = os.environ) -> Self:
        """The project in `root`; HEADRACE_HOME, HEADRACE_LAKE and HEADRACE_LANDING win over its table.

        Raises:
            ProjectInvalid: Its table cannot be read.
            ProjectVersionUnfit: It is for other versions of Headrace.
        """
        table = read_table(root / FILE)
        own = version("headrace")
        if not SpecifierSet(table.requires).contains(own, prereleases=True):
            raise ProjectVersionUnfit(table.name, str(root / FILE), table.requires, own)
        home = Path(environ.get("HEADRACE_HOME") or root / table.home).expanduser().absolute()
        return cls(
            root=root,
            table=table,
            home=home,
            lake=environ.get("HEADRACE_LAKE") or place(root, table.lake) or str(home / "lake"),
            landing=environ.get("HEADRACE_LANDING")
            or place(root, table.landing)
            or str(home / "landing"),
        )

    @property
    def name(self) -> str:
        """What the project is called."""
        return self.table.name

    @property
    def schemas(self) -> Path:
        """Folder of contracts, pipelines and models."""
        return self.root / self.table.schemas

    @property
    def dags(self) -> Path:
        """Folder that Airflow reads Dags from."""
        return self.root / self.table.dags

    @property
    def plugins(self) -> Path:
        """Folder that Airflow reads plugins from."""
        return self.root / self.table.plugins

    @property
    def tests(self) -> Path:
        """Folder of the project's tests."""
        return self.root / self.table.tests

    @property
    def packages(self) -> tuple[Path, ...]:
        """Folders that Python imports from."""
        return tuple(self.root / folder for folder in self.table.packages)

    def use(self) -> None:
        """Let this process import the project's packages."""
        for folder in reversed(self.packages):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))

    def environment(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """What a process for this project has: its places, and PYTHONPATH with its packages first.

        Spark's Python workers inherit it, too.
        """
        kept = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        packages = [str(folder) for folder in self.packages]
        path = [*packages, *(entry for entry in kept if entry not in packages)]
        return {
            VARIABLE: str(self.root),
            "HEADRACE_HOME": str(self.home),
            "HEADRACE_LAKE": self.lake,
            "HEADRACE_LANDING": self.landing,
            "PYTHONPATH": os.pathsep.join(path),
        }


def place(root: Path, given: str | None) -> str | None:
    """A declared path or URI; a path is below the project's folder unless it is absolute."""
    if given is None or re.match(r"[a-z][a-z0-9+.-]*://", given):
        return given
    return str(root / Path(given).expanduser())


def found_above(folder: Path) -> Path | None:
    """The nearest folder, from `folder` upwards, that is a project."""
    return next(
        (candidate for candidate in (folder, *folder.parents) if declares(candidate / FILE)), None
    )


def declares(file: Path) -> bool:
    """Whether a `pyproject.toml` has a table `[tool.headrace]`."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"^\s*\[\s*tool\s*\.\s*headrace\s*[\].]", text, re.MULTILINE) is not None


def read_table(file: Path) -> ProjectTable:
    """The table `[tool.headrace]` of a file.

    Raises:
        ProjectInvalid: It cannot be read, or says what nobody knows.
    """
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProjectInvalid(str(file), "", f"cannot be read: {error}", []) from error
    given: dict[str, Any] = tool.get("headrace", {})
    try:
        return ProjectTable.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        problem = "is unknown" if first["type"] == "extra_forbidden" else first["msg"]
        raise ProjectInvalid(str(file), key, problem, sorted(ProjectTable.model_fields)) from error
