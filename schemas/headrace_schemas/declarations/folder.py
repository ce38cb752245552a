"""A folder of declarations, read as far as it can be, with all that is wrong in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from headrace_schemas.declarations.contract import Contract, read_contract
from headrace_schemas.declarations.declaration import KeyPath
from headrace_schemas.declarations.declaration_file import DeclarationFile, Problems
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline, TableEntry
from headrace_schemas.declarations.reading import declared_as
from headrace_schemas.names import TABLE_NAME, form_of
from headrace_schemas.project_errors import DeclarationInvalid

CONTRACTS, PIPELINES, MODELS = "*/*.odcs.yaml", "*.yaml", "*.yaml"
"""Which files are read below `contracts/`, `pipelines/` and `models/`."""

AnyDeclaration = TypeVar("AnyDeclaration", Contract, Pipeline, Model)


@dataclass(frozen=True)
class Read(Generic[AnyDeclaration]):
    """A declaration and its file. What could not be read of it is not there."""

    file: DeclarationFile
    declared: AnyDeclaration

    def refusal(
        self, path: KeyPath, problem: str, allowed: tuple[str, ...] = (), advice: str = ""
    ) -> DeclarationInvalid:
        """An error that names file, line and key."""
        return self.file.refusal(path, problem, allowed, advice)

    def has(self, *fields: str) -> bool:
        """Whether these fields could be read."""
        return all(name in self.declared.__dict__ for name in fields)


@dataclass(frozen=True)
class Entry:
    """A table's entry in a pipeline."""

    pipeline: Read[Pipeline]
    name: str
    entry: TableEntry

    @property
    def path(self) -> KeyPath:
        """Where it stands in the pipeline's file."""
        return ("tables", self.name)

    @property
    def unit(self) -> str | None:
        """A partition's unit, or `none`; None if the pipeline's could not be read."""
        if self.entry.partition is not None or not self.pipeline.has("partition"):
            return self.entry.partition
        return self.pipeline.declared.partition.value

    def refusal(self, path: KeyPath, problem: str, advice: str = "") -> DeclarationInvalid:
        """An error about a part of the entry."""
        return self.pipeline.refusal((*self.path, *path), problem, advice=advice)


@dataclass
class DeclarationFolder:
    """All files below `root`.

    Attributes:
        contracts: By the name that follows from the file; None where the file could not be read.
        unread: Names of pipeline and model files of which nothing could be read.
        problems: What is wrong so far.
    """

    root: Path
    contracts: dict[str, Read[Contract] | None] = field(default_factory=dict)
    pipelines: list[Read[Pipeline]] = field(default_factory=list)
    models: list[Read[Model]] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)

    @classmethod
    def read(cls, root: Path) -> "DeclarationFolder":
        """Read every file; what is wrong in them is noted."""
        folder = cls(root)
        for kind in ("contracts", "pipelines"):
            if not (root / kind).is_dir():
                folder.problems.add(missing_folder(root, kind))
        for file in sorted((root / "contracts").glob(CONTRACTS)):
            folder.read_contract(file)
        folder.pipelines = folder.read_all(Pipeline, "pipelines")
        folder.models = folder.read_all(Model, "models")
        if not folder.problems.found and not (folder.contracts and folder.pipelines):
            kind = "pipelines" if folder.contracts else "contracts"
            problem = f"no {CONTRACTS if kind == 'contracts' else PIPELINES} is there"
            folder.problems.add(DeclarationInvalid(str(root / kind), 1, "folder", problem))
        folder.refuse_second_names()
        return folder

    def read_contract(self, path: Path) -> None:
        """One contract, called after its file."""
        expected = f"{path.parent.name}.{path.name.removesuffix('.odcs.yaml')}"
        self.contracts[expected] = None
        if problem := form_of(expected, TABLE_NAME):
            self.problems.add(
                DeclarationInvalid(str(path), 1, "name", f"{expected}, after the file, {problem}")
            )
        with self.problems.caught():
            file = DeclarationFile.read(path)
            contract = read_contract(file, self.problems)
            if contract is not None:
                self.contracts[expected] = Read(file, contract)
            name = contract.name if contract else expected
            if name != expected:
                key = "name" if "name" in file.content else "id"
                problem = f"{name or 'nothing'} must be {expected}, after the file"
                self.problems.add(file.refusal((key,), problem))

    def read_all(self, model: type[AnyDeclaration], kind: str) -> list[Read[AnyDeclaration]]:
        """All pipelines or models, by their files."""
        found = []
        for path in sorted((self.root / kind).glob("*.yaml")):
            declared = None
            with self.problems.caught():
                file = DeclarationFile.read(path)
                declared = declared_as(model, file, self.problems)
            if declared is None:
                self.unread.append(path)
            else:
                found.append(Read(file, declared))
        return found

    def refuse_second_names(self) -> None:
        """Two files of one kind cannot declare one name."""
        for kind in (self.pipelines, self.models):
            seen: dict[str, Path] = {}
            for read in kind:
                name = read.declared.__dict__.get("name")
                if name in seen:
                    problem = f"{name} is declared by {seen[name].name} as well"
                    self.problems.add(
                        read.refusal(("name",), problem, advice="Rename one of them.")
                    )
                elif name is not None:
                    seen[name] = read.file.path

    def entries(self) -> Iterator[Entry]:
        """Every table that a pipeline builds."""
        for pipeline in self.pipelines:
            if pipeline.has("entries"):
                for name, entry in pipeline.declared.entries.items():
                    yield Entry(pipeline, name, entry)

    @property
    def is_read_whole(self) -> bool:
        """Whether every pipeline's tables are known."""
        return all(pipeline.has("entries") for pipeline in self.pipelines) and not any(
            path.parent.name == "pipelines" for path in self.unread
        )


def missing_folder(root: Path, kind: str) -> DeclarationInvalid:
    """The error about a folder that is not there."""
    where = root / kind if root.is_dir() else root
    return DeclarationInvalid(
        str(where),
        1,
        "folder",
        "there is no such folder",
        advice="Declarations lie in contracts/, pipelines/ and models/ of one folder.",
    )
