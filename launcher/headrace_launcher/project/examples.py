"""What a new project begins with: an example's declarations, transforms and cases.

The small shop is part of this package. Others are packages of their own, which name themselves by an
entry point of the group `headrace.examples`, or lie in `examples/` of the checkout around the working folder.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from headrace_launcher.errors import ExampleMissing
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.project import found_above

GROUP = "headrace.examples"
"""Entry points: an example's name, and the package that holds it."""

OWN = "shop"
"""The example that comes with Headrace."""

ABOUT = "example.toml"
TEMPLATES = Path(str(files("headrace_launcher"))) / "project" / "templates" / "new-project"
LEFT_OUT = frozenset({"__pycache__", ".DS_Store"})


class About(Frozen):
    """What the frame of a project has to know of an example: its file `example.toml`.

    Attributes:
        title: What its data are, in some words.
        package: The package of its transforms, which lies in `jobs/`.
        pipeline: Its pipeline.
        model: Its model.
        table: A table of features, which shows how one is built.
        partition: A partition of that table.
        deliveries: `module:function` that writes its deliveries into a folder.
        requires: Packages that it needs besides Headrace.
    """

    title: str
    package: str
    pipeline: str
    model: str
    table: str
    partition: str
    deliveries: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """An example that was found.

    Attributes:
        about: What its `example.toml` says.
        content: Path below a project's folder → the file that is put there.
    """

    about: About
    content: Mapping[str, Path]


def find_example(name: str) -> Example:
    """The example called `name`: of this package, of the checkout around, or installed.

    Raises:
        ExampleMissing: There is none.
    """
    if name == OWN:
        return read_example(TEMPLATES / OWN / ABOUT, tree(TEMPLATES / OWN))
    root = found_above(Path.cwd())
    if root is not None and (declared := root / "examples" / name / "pyproject.toml").is_file():
        return read_example(declared.with_name(ABOUT), forced(declared))
    found = {entry_point.name: entry_point.value for entry_point in entry_points(group=GROUP)}
    spec = find_spec(found[name]) if name in found else None
    if spec is None or spec.origin is None:
        raise ExampleMissing(name, sorted({OWN, *found}))
    folder = Path(spec.origin).parent
    return read_example(folder / ABOUT, tree(folder / "project"))


def read_example(about: Path, content: Mapping[str, Path]) -> Example:
    """An example with its `example.toml`, which is no part of a project."""
    said = About.model_validate(tomllib.loads(about.read_text(encoding="utf-8")))
    return Example(said, {place: file for place, file in content.items() if place != ABOUT})


def tree(folder: Path, below: str = "") -> dict[str, Path]:
    """Path below `folder`, after `below` → file, for all files in it."""
    return {
        f"{below}{file.relative_to(folder).as_posix()}": file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not LEFT_OUT.intersection(file.parts)
    }


def forced(declared: Path) -> dict[str, Path]:
    """What the build of an example puts into its package's folder `project/`, from where it lies."""
    build = tomllib.loads(declared.read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    content: dict[str, Path] = {}
    for source, target in build["targets"]["wheel"]["force-include"].items():
        _, is_project, place = target.partition("/project/")
        origin = declared.parent / source
        if is_project:
            content |= tree(origin, f"{place}/") if origin.is_dir() else {place: origin}
    return content
