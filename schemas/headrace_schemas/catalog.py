"""The catalogue: every declaration, loaded once and checked against each other."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Self

from headrace_schemas.column_name import PREDICTIONS, folded
from headrace_schemas.contract import Contract, load_contract
from headrace_schemas.declaration import Frozen
from headrace_schemas.errors import DeclarationInvalid, TransformInvalid, UnknownTable
from headrace_schemas.model import Model, load_model
from headrace_schemas.partition import PartitionUnit
from headrace_schemas.pipeline import Pipeline, TableBuild, load_pipeline

PARTITION_BOUNDS = frozenset({"start", "end"})
"""Keyword-only parameters that a transform may ask for besides its inputs."""


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
            DeclarationInvalid: A file is wrong; the message names file, line, key and known keys.
            UnknownTable: A pipeline or model names a table that nothing declares.
        """
        contracts: dict[str, Contract] = {}
        for file in sorted((root / "contracts").glob("*/*.odcs.yaml")):
            contract = load_contract(file)
            expected = f"{file.parent.name}.{file.name.removesuffix('.odcs.yaml')}"
            if contract.name != expected:
                raise DeclarationInvalid(
                    str(file), 1, "name", f"{contract.name} must be {expected}, after the file"
                )
            contracts[contract.name] = contract
        pipelines = {
            one.name: one for one in map(load_pipeline, sorted((root / "pipelines").glob("*.yaml")))
        }
        models = {
            one.name: one for one in map(load_model, sorted((root / "models").glob("*.yaml")))
        }
        catalog = cls(root=root, contracts=contracts, pipelines=pipelines, models=models)
        catalog.check()
        return catalog

    @property
    def builds(self) -> dict[str, TableBuild]:
        """Every table's build by its name."""
        return {one.name: one for pipeline in self.pipelines.values() for one in pipeline.tables}

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
                str(self.root / "models" / f"{model.name}.yaml"), 1, "table",
                f"{model.table} has no partition; a model learns from a partitioned table",
            )  # fmt: skip
        return unit

    @property
    def order(self) -> tuple[str, ...]:
        """Table names, inputs before what is derived from them.

        Raises:
            DeclarationInvalid: Tables feed each other in a circle.
        """
        graph = {
            name: {one.table for one in build.inputs.values()}
            for name, build in self.builds.items()
        }
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise DeclarationInvalid(
                str(self.root / "pipelines"), 1, "tables", f"tables feed each other: {circle}"
            ) from error

    def check(self) -> None:
        """Check references between declarations."""
        for pipeline in self.pipelines.values():
            for build in pipeline.tables:
                self.contract(build.name)
                for one in build.inputs.values():
                    if one.table not in self.builds:
                        raise UnknownTable(one.table, build.name, sorted(self.builds))
                    self.check_input(pipeline, build, one.table, one.lookback)
        for name in self.contracts:
            self.build(name)
        for model in self.models.values():
            self.check_model(model)
        _ = self.order

    def check_input(self, pipeline: Pipeline, build: TableBuild, table: str, lookback: int) -> None:
        """Partitions of a table and its input must go together."""
        file = str(self.root / "pipelines" / f"{pipeline.name}.yaml")
        unit = self.build(table).partition
        if unit is None and lookback:
            problem = f"{build.name} looks back over {table}, which has no partitions"
        elif build.partition is not None and unit not in (None, build.partition):
            problem = f"{build.name} is built by {build.partition.value}, {table} by {unit}"
        else:
            return
        raise DeclarationInvalid(file, 1, build.name, problem)

    def check_model(self, model: Model) -> None:
        """A model's columns must be the feature table's."""
        self.model_unit(model)
        known = self.contract(model.table).column_names
        slices = model.gates.slices.columns if model.gates.slices else ()
        asked = [model.target, model.event_time, model.known_time, *model.features, *slices]
        if unknown := [name for name in asked if name not in known]:
            file = str(self.root / "models" / f"{model.name}.yaml")
            raise DeclarationInvalid(
                file, 1, ", ".join(unknown), f"no such column in {model.table}", sorted(known)
            )
        named = (*self.contract(model.table).key, model.event_time)
        if taken := [name for name in named if folded(name) in PREDICTIONS]:
            file = str(self.root / "models" / f"{model.name}.yaml")
            problem = (
                f"{model.table} names rows or their time by this column, and predictions have a "
                "column of this name beside it; name it otherwise in the feature table"
            )
            raise DeclarationInvalid(file, 1, ", ".join(dict.fromkeys(taken)), problem)


def check_transform_source(build: TableBuild, source: str) -> None:
    """Compare a transform's parameters with the declared inputs, by reading its source only.

    Raises:
        TransformInvalid: The function is missing or its parameters differ.
    """
    if build.transform is None:
        return
    function = build.transform.partition(":")[2]
    found = [
        one
        for one in ast.parse(source).body
        if isinstance(one, ast.FunctionDef) and one.name == function
    ]
    if not found:
        raise TransformInvalid(build.name, build.transform, "the module has no such function")
    arguments = found[0].args
    names = {one.arg for one in arguments.args}
    extra = {one.arg for one in arguments.kwonlyargs} - PARTITION_BOUNDS
    if names != set(build.inputs) or extra:
        raise TransformInvalid(
            build.name, build.transform,
            f"its parameters are {sorted(names | extra)}, "
            f"the declared inputs {sorted(build.inputs)}",
        )  # fmt: skip
