"""Classes and functions as they are written: nothing is imported, so that no runtime is needed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

PACKAGES = (
    "schemas/headrace_schemas",
    "jobs/headrace_jobs",
    "plugins/headrace_airflow",
    "lake/headrace_lake",
    "launcher/headrace_launcher",
)


@dataclass(frozen=True)
class Written:
    """A class or a function, and the module that it stands in."""

    module: str
    node: ast.ClassDef | ast.FunctionDef

    @property
    def name(self) -> str:
        """Its own name."""
        return self.node.name

    @property
    def docstring(self) -> str:
        """What it says of itself."""
        return ast.get_docstring(self.node) or ""

    @property
    def bases(self) -> list[str]:
        """Names of the classes that it derives from."""
        given = self.node.bases if isinstance(self.node, ast.ClassDef) else []
        return [ast.unparse(one).rpartition(".")[2] for one in given]

    @property
    def methods(self) -> dict[str, ast.FunctionDef]:
        """The functions within a class."""
        return {one.name: one for one in self.node.body if isinstance(one, ast.FunctionDef)}

    @property
    def attributes(self) -> dict[str, str]:
        """What a class sets, as it is written."""
        found = {}
        for one in self.node.body:
            if isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None:
                target = one.targets[0] if isinstance(one, ast.Assign) else one.target
                found[ast.unparse(target)] = ast.unparse(one.value)
        return found


@cache
def written() -> tuple[Written, ...]:
    """Every class and function of the packages that no other one holds, by their modules."""
    return tuple(one for package in PACKAGES for one in read(PROJECT / package))


def read(package: Path) -> Iterator[Written]:
    """Those of one package."""
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield Written(module, node)


def deriving_from(root: str) -> list[Written]:
    """Classes that have `root` among those that they derive from, in the order of their modules."""
    known = {root}
    classes = [one for one in written() if isinstance(one.node, ast.ClassDef)]
    while True:
        found = {one.name for one in classes if known.intersection(one.bases)}
        if found <= known:
            return [one for one in classes if one.name in known - {root}]
        known |= found


def signature(function: ast.FunctionDef) -> str:
    """A function's parameters, without the instance and without what is handed through."""
    given = ast.unparse(function.args).removeprefix("self, ").removesuffix(", **kwargs: Any")
    return "" if given == "self" else given.removeprefix("*, ")
