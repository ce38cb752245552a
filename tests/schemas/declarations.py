"""Small declarations that tests write, change and read."""

from pathlib import Path

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {name}
name: {name}
version: 1.0.0
status: active
description: {{purpose: readings of a meter}}
schema:
  - name: readings
    physicalName: {name}
    logicalType: object
    properties:
      - {{name: meter, logicalType: string, physicalType: STRING, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: read_at, logicalType: timestamp, physicalType: TIMESTAMP, primaryKey: true, primaryKeyPosition: 2}}
      - {{name: known_at, logicalType: timestamp, physicalType: TIMESTAMP}}
      - name: kilowatts
        logicalType: number
        physicalType: DOUBLE
        quality:
          - name: kilowatts.plausible
            type: custom
            engine: greatExpectations
            implementation: {{type: expect_column_values_to_be_between, kwargs: {{min_value: 0, max_value: 100}}}}
    quality:
      - {{name: meters.enough, type: library, metric: rowCount, mustBeGreaterThan: 3, severity: warning}}
"""

PIPELINE = """\
name: meters
description: Readings of meters.
owner: grid
schedule: "0 2 * * *"
partition: day
start: 2024-01-01
tables:
  bronze.readings:
    source: {files: "readings/{partition}.csv"}
  gold.readings:
    inputs: {readings: {table: bronze.readings, lookback: 2}}
    transform: meter_transforms:gold_readings
"""

MODEL = """\
name: load
description: Load of a meter.
owner: grid
table: gold.readings
task: regression
target: kilowatts
event_time: read_at
known_time: known_at
label_delay_days: 1
features: [meter]
split: {holdout_days: 2, first_after_partitions: 3}
gates:
  floors: {rmse: 10}
  champion: {metric: rmse}
monitors:
  performance: {metric: rmse, max_drop: 1}
"""


def write(root: Path) -> Path:
    """A complete declarations folder below `root`."""
    for layer in ("bronze", "gold"):
        file = root / "contracts" / layer / "readings.odcs.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(CONTRACT.format(name=f"{layer}.readings"))
    for folder, name, text in (("pipelines", "meters", PIPELINE), ("models", "load", MODEL)):
        file = root / folder / f"{name}.yaml"
        file.parent.mkdir()
        file.write_text(text)
    return root


def change(file: Path, old: str, new: str) -> Path:
    """Replace `old`, which must be there, in a file."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file
