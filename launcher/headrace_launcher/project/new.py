"""Makes a new project: the frame that all have, filled with an example that runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from packaging.version import Version
from pydantic import ValidationError

from headrace_launcher.errors import FolderOccupied, ProjectNameUnfit
from headrace_launcher.project.examples import OWN, TEMPLATES, About, Example, find_example, tree
from headrace_launcher.project.validate import schemas_for_editors
from headrace_schemas.project import ProjectTable

TEMPLATE = ".template"
"""Ends the names of files that would mean something where they lie as templates."""

EXPECTED = frozenset({".git", ".venv"})
"""What may lie in a folder that a project is put into: nothing of it is touched."""

PACKAGE = "__PACKAGE__"

SHOWN = (
    ("dags/headrace.py", "all Airflow Dags, from the declarations: three lines that stay"),
    ("schemas/contracts", "what each table promises"),
    ("schemas/pipelines", "how and when tables are built"),
    ("schemas/models", "what is learnt, and when it is retrained"),
    (f"jobs/{PACKAGE}", "transforms: functions from DataFrames to a DataFrame"),
    ("plugins", "Airflow plugins of your own"),
    ("tests/cases", "rows in, rows out"),
    ("pyproject.toml", "the project's name, and the Headrace that it is for"),
    ("Makefile", "one word per thing to do"),
)
"""What a person should know of a new project's folder."""


@dataclass(frozen=True)
class NewProject:
    """A project that was made.

    Attributes:
        folder: Where.
        files: Paths of all its files below the folder.
        shown: Paths with what they are for.
        commands: What to type next.
    """

    folder: Path
    files: tuple[str, ...]
    shown: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


def new_project(name: str, folder: Path, example: str = OWN) -> NewProject:
    """Make a project in a new or empty folder.

    Raises:
        ProjectNameUnfit: No project, or no package of transforms, can be called so.
        FolderOccupied: The folder holds something.
        ExampleMissing: There is no such example.
    """
    check_name(name)
    chosen = find_example(example)
    about = of_package(chosen.about, package_of(name))
    if about.package == package_of(name):
        check_package(name)
    refuse_occupied(folder)
    words = placeholders(name, about)
    written = []
    for place, text in rendered(chosen, words):
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
        written.append(place)
    return NewProject(
        folder=folder,
        files=tuple(sorted(written)),
        shown=tuple((place.replace(PACKAGE, about.package), what) for place, what in SHOWN),
        commands=(f"cd {folder}", "make up", "make replay"),
    )


def check_name(name: str) -> None:
    """Refuse what `[tool.headrace]` would refuse.

    Raises:
        ProjectNameUnfit: It does not have the form of a name.
    """
    try:
        ProjectTable(name=name, requires=">=0")
    except ValidationError as error:
        problem = "a name begins with a small letter and holds small letters, digits, - and _ only"
        raise ProjectNameUnfit(name, problem) from error


def check_package(name: str) -> None:
    """Refuse a name whose package could not be imported, or would hide another.

    Raises:
        ProjectNameUnfit: It is a word of Python, or a package that is there already.
    """
    package = package_of(name)
    if iskeyword(package):
        raise ProjectNameUnfit(name, "it is a word of Python, and transforms lie in a package")
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        raise ProjectNameUnfit(
            name, f"Python has a module {package} already, which would be hidden"
        )


def package_of(name: str) -> str:
    """What the package of a project's transforms is called."""
    return name.replace("-", "_")


def of_package(about: About, package: str) -> About:
    """What is said of an example whose package is called after the project."""
    said = about.model_dump(mode="json")
    return About.model_validate_json(json.dumps(said).replace(PACKAGE, package))


def refuse_occupied(folder: Path) -> None:
    """Refuse to write among what somebody else has put there.

    Raises:
        FolderOccupied: There is something.
    """
    if folder.is_dir():
        found = sorted(path.name for path in folder.iterdir() if path.name not in EXPECTED)
        if found:
            raise FolderOccupied(str(folder), found)
    elif folder.exists():
        raise FolderOccupied(str(folder), [])


def placeholders(name: str, about: About) -> Mapping[str, str]:
    """What stands in templates → what is written instead."""
    own = Version(version("headrace"))
    next_range = f"0.{own.minor + 1}" if own.major == 0 else f"{own.major + 1}"
    return {
        "__NAME__": name,
        PACKAGE: about.package,
        "__VERSION__": str(own),
        "__RANGE__": f">={own.public},<{next_range}",
        "__TITLE__": about.title,
        "__PIPELINE__": about.pipeline,
        "__MODEL__": about.model,
        "__TABLE__": about.table,
        "__PARTITION__": about.partition,
        "__DELIVERIES__": about.deliveries,
        "__REQUIRES__": "".join(f'    "{requirement}",\n' for requirement in about.requires),
    }


def rendered(example: Example, words: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Every file of the project: its path and content."""
    for place, file in {**tree(TEMPLATES / "frame"), **example.content}.items():
        yield (
            filled(place, words).removesuffix(TEMPLATE),
            filled(file.read_text(encoding="utf-8"), words).encode(),
        )
    for file_name, text in schemas_for_editors().items():
        yield f"schemas/json/{file_name}", text.encode()


def filled(text: str, words: Mapping[str, str]) -> str:
    """A text with every placeholder filled."""
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
