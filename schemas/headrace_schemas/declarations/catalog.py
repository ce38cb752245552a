"""The catalogue: every declaration, loaded once and checked against each other."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Self

from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.folder import DeclarationFolder
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.model_defaults import completed
from headrace_schemas.declarations.pipeline import Pipeline, TableBuild
from headrace_schemas.declarations.references import check_references
from headrace_schemas.errors import UnknownTable
from headrace_schemas.partition import PartitionUnit
from headrace_schemas.project_errors import DeclarationInvalid


class Catalog(Frozen):
    """All contracts, pipelines and models of a declarations folder."""

    root: Path
    contracts: dict[str, Contract]
    pipelines: dict[str, Pipeline]
    models: dict[str, Model]

    @classmethod
    def load(cls, root: Path) -> Self:
        """Read `contracts/`, `pipelines/` and `models/` below `root`; check that they fit together.

        Raises:
            DeclarationInvalid: Something is wrong; the message names file, line and key of all that
                is, as `DeclarationsInvalid` where it is more than one thing.
        """
        folder = DeclarationFolder.read(root)
        check_references(folder)
        return cls.of(folder)

    @classmethod
    def of(cls, folder: DeclarationFolder) -> Self:
        """The catalogue of a folder in which nothing is wrong.

        Raises:
            DeclarationInvalid: Something is.
        """
        folder.problems.raise_any()
        return cls(
            root=folder.root,
            contracts={name: read.declared for name, read in folder.contracts.items() if read},
            pipelines={read.declared.name: read.declared for read in folder.pipelines},
            models={
                read.declared.name: completed(read.declared, *table_of(folder, read.declared))
                for read in folder.models
            },
        )

    @property
    def builds(self) -> dict[str, TableBuild]:
        """Every table's build by its name."""
        return {
            table.name: table for pipeline in self.pipelines.values() for table in pipeline.tables
        }

    def build(self, table: str) -> TableBuild:
        """How `table` is built.

        Raises:
            UnknownTable: No pipeline builds it.
        """
        builds = self.builds
        if table not in builds:
            raise UnknownTable(table, "pipelines", sorted(builds))
        return builds[table]

    def contract(self, table: str) -> Contract:
        """What `table` promises.

        Raises:
            UnknownTable: No contract declares it.
        """
        if table not in self.contracts:
            raise UnknownTable(table, "contracts", sorted(self.contracts))
        return self.contracts[table]

    def pipeline_of(self, table: str) -> Pipeline:
        """The pipeline that builds `table`."""
        for pipeline in self.pipelines.values():
            if table in pipeline.entries:
                return pipeline
        raise UnknownTable(table, "pipelines", sorted(self.builds))

    def model_unit(self, model: Model) -> PartitionUnit:
        """The partition of the model's feature table."""
        unit = self.build(model.table).partition
        if unit is None:
            raise DeclarationInvalid(
                str(self.root / "models" / f"{model.name}.yaml"),
                1,
                "table",
                f"{model.table} has no partition; a model learns from a partitioned table",
            )
        return unit

    @property
    def order(self) -> tuple[str, ...]:
        """Table names, inputs before what is derived from them.

        Raises:
            DeclarationInvalid: Tables feed each other in a circle.
        """
        graph = {
            name: {source.table for source in build.inputs.values()}
            for name, build in self.builds.items()
        }
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise DeclarationInvalid(
                str(self.root / "pipelines"), 1, "tables", f"tables feed each other: {circle}"
            ) from error


def table_of(folder: DeclarationFolder, model: Model) -> tuple[Contract, str]:
    """The contract of a model's table, and the owner of the pipeline that builds it."""
    read = folder.contracts[model.table]
    entry = next(entry for entry in folder.entries() if entry.name == model.table)
    assert read is not None  # noqa: S101 - for the type checker: nothing was refused
    return read.declared, entry.pipeline.declared.owner
