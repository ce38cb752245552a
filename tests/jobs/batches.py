"""Contracts, specs and files that tests make."""

from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import yaml
from pyspark.sql import SparkSession

from headrace_jobs.tables import gate, load, publish
from headrace_schemas.declarations.contract import Contract, load_contract
from headrace_schemas.declarations.pipeline import TableBuild
from headrace_schemas.declarations.source import Source
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.wire.report import RuleFailure
from headrace_schemas.wire.spec import PinnedInput
from headrace_schemas.wire.table_jobs import (
    GateReport,
    GateSpec,
    LoadReport,
    LoadSpec,
    PublishReport,
    PublishSpec,
)

MAY = Partition.parse(PartitionUnit.MONTH, "2024-05")
JUNE = Partition.parse(PartitionUnit.MONTH, "2024-06")

READINGS = """
- {name: meter, logicalType: string, physicalType: STRING, primaryKey: true, primaryKeyPosition: 1}
- {name: read_at, logicalType: timestamp, physicalType: TIMESTAMP, primaryKey: true, primaryKeyPosition: 2}
- {name: kilowatts, logicalType: number, physicalType: DOUBLE}
- {name: phase, logicalType: integer, physicalType: INT}
"""

HEADER = "meter,read_at,kilowatts,phase"

ROW = "a,2024-05-01T00:00:00Z,1.5,1"


def text(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    return "".join(f"{row}{end}" for row in (header, *rows))


def contract(
    folder: Path,
    properties: str = READINGS,
    quality: str = "[]",
    name: str = "bronze.readings",
    sla: str = "[]",
) -> Contract:
    """A contract with these properties and table rules, read from an ODCS file."""
    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": name,
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": name.split(".")[1],
                "physicalName": name,
                "logicalType": "object",
                "properties": yaml.safe_load(properties),
                "quality": yaml.safe_load(quality),
            }
        ],
        "slaProperties": yaml.safe_load(sla),
    }
    file = folder / "contracts" / f"{name}.odcs.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document))
    return load_contract(file)


class Batch:
    """One batch on its way through load, gate and publish below a folder."""

    def __init__(
        self, spark: SparkSession, folder: Path, contract: Contract, **build: object
    ) -> None:
        self.spark = spark
        self.folder = folder
        self.contract = contract
        build.setdefault("source", Source(files="readings/*.csv", null_values=("", "NA")))
        self.build = TableBuild(name=contract.name, partition=PartitionUnit.MONTH, **build)
        self.partition: Partition | None = MAY
        self.attempt = 0
        self.as_of: datetime | None = None
        self.lake = folder / "lake"

    def head(self) -> dict[str, str]:
        self.attempt += 1
        return {
            "job_id": f"job-{self.attempt}",
            "run_id": "test",
            "headrace_version": version("headrace"),
        }

    @property
    def staged(self) -> str:
        return str(self.folder / "staged")

    @property
    def gated(self) -> str:
        return str(self.folder / "gated")

    @property
    def record(self) -> Path:
        return self.folder / "record"

    @property
    def table(self) -> str:
        return str(self.lake / "table")

    @property
    def quarantine(self) -> str:
        return str(self.lake / "quarantine")

    def deliver(self, content: str | bytes, name: str = "one.csv") -> str:
        file = self.folder / "landing" / "readings" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(file)

    @property
    def built(self) -> TableBuild:
        """The build, of a table without partitions where the batch has none."""
        whole = {} if self.partition else {"partition": None}
        return self.build.model_copy(update=whole)

    def load_spec(self, *files: str, inputs: dict[str, PinnedInput] | None = None) -> LoadSpec:
        return LoadSpec(
            **self.head(),
            build=self.built,
            contract=self.contract,
            partition=self.partition,
            source_files=files,
            inputs=inputs or {},
            staged_uri=self.staged,
            table_uri=self.table,
        )

    def load(self, *files: str, inputs: dict[str, PinnedInput] | None = None) -> LoadReport:
        return load.run(self.spark, self.load_spec(*files, inputs=inputs))

    def load_rows(self, *rows: str, header: str = HEADER) -> LoadReport:
        """Deliver CSV rows and load them."""
        return self.load(self.deliver("".join(f"{one}\n" for one in (header, *rows))))

    def gate_spec(self) -> GateSpec:
        return GateSpec(
            **self.head(),
            contract=self.contract,
            partition=self.partition,
            as_of=self.as_of,
            staged_uri=self.staged,
            gated_uri=self.gated,
            record_uri=str(self.record),
            write=self.build.write,
            most_quarantined=self.build.most_quarantined,
        )

    def gate(self) -> GateReport:
        return gate.run(self.spark, self.gate_spec())

    def publish_spec(self) -> PublishSpec:
        return PublishSpec(
            **self.head(),
            build=self.built,
            contract=self.contract,
            partition=self.partition,
            gated_uri=self.gated,
            table_uri=self.table,
            quarantine_uri=self.quarantine,
        )

    def publish(self) -> PublishReport:
        return publish.run(self.spark, self.publish_spec())

    def staged_rows(self) -> list[dict[str, object]]:
        rows = self.spark.read.parquet(self.staged).orderBy("_source_file", "_source_row").collect()
        return [row.asDict(recursive=True) for row in rows]


def properties(extra: str) -> str:
    """The readings' columns, with something added to kilowatts."""
    kilowatts = "- {name: kilowatts, logicalType: number, physicalType: DOUBLE}"
    return READINGS.replace(kilowatts, kilowatts.replace("}", f", {extra}}}"))


def custom(kind: str, kwargs: str) -> str:
    rule = f"implementation: {{type: {kind}, kwargs: {kwargs}}}"
    return f"quality: [{{name: kilowatts.rule, type: custom, engine: greatExpectations, {rule}}}]"


def failure(failures: tuple[RuleFailure, ...], rule: str) -> RuleFailure:
    (found,) = [one for one in failures if one.rule == rule]
    return found


def table_rule(text: str) -> str:
    return f"[{{name: readings.rule, {text}}}]"
