"""Changes of small declarations that leave them right: what ordinary people write must not be refused."""

from tests.schemas.wrong_declarations import (
    ENOUGH,
    GOLD,
    INPUTS,
    KNOWN,
    METER,
    MODEL,
    PIPELINE,
    SOURCE,
    TRANSFORM,
)

Change = tuple[str, str | None, str]

DECLARED = "logicalType: number\n        physicalType: DOUBLE"
SLA = "slaProperties: [{{property: freshness, value: {0}, unit: {1}, element: {2}}}]"
COLUMN = "    - {{name: {0}, logicalType: {1}, physicalType: '{2}'}}\n    quality:"


def column(name: str, logical: str, physical: str) -> Change:
    """One more column."""
    text = f"      - {{name: {name}, logicalType: {logical}, physicalType: '{physical}'}}\n"
    return GOLD, "    quality:\n      -", f"{text}    quality:\n      -"


def rule(text: str) -> Change:
    """Another table rule."""
    return GOLD, ENOUGH, f"{{name: a, {text}}}"


def pattern(text: str) -> Change:
    """A pattern of the column `meter`."""
    return GOLD, METER, f"{METER}, logicalTypeOptions: {{pattern: '{text}'}}"


RIGHT: list[Change] = [
    (GOLD, DECLARED, 'logicalType: number\n        physicalType: "DECIMAL(10,2)"'),
    (GOLD, DECLARED, "logicalType: number\n        physicalType: decimal( 38 , 38 )"),
    (GOLD, DECLARED, "logicalType: number\n        physicalType: real"),
    (GOLD, DECLARED, "logicalType: integer\n        physicalType: long"),
    (GOLD, DECLARED, "logicalType: number\n        physicalType: INT"),
    (GOLD, DECLARED, "physicalType: DOUBLE"),
    (GOLD, METER, "meter, logicalType: string, physicalType: VARCHAR(20)"),
    (GOLD, METER, "meter, logicalType: integer, physicalType: STRING"),
    column("wind speed (m/s)", "number", "DOUBLE"),
    column("'été'", "string", "STRING"),
    column("'a.b'", "string", "STRING"),
    column("'[x]'", "string", "STRING"),
    column("Meter2", "string", "STRING"),
    column("'2024'", "string", "STRING"),
    column(f"{'k' * 255}", "string", "STRING"),
    column("place", "object", "STRUCT<lat: DOUBLE, lon: DOUBLE>"),
    column("tags", "array", "ARRAY<STRING>"),
    (GOLD, KNOWN, f"{KNOWN}\n      - {{name: labels, physicalType: 'MAP<STRING,STRING>'}}"),
    column("labels", "object", "MAP<STRING,STRING>"),
    column("at", "timestamp", "TIMESTAMP_NTZ"),
    column("day", "date", "DATE"),
    column("raw", "string", "BINARY"),
    column("clock", "time", "STRING"),
    (GOLD, KNOWN, "{name: known_at, physicalType: TIMESTAMP, primaryKeyPosition: -1}"),
    (GOLD, ", primaryKeyPosition: 1", ""),
    (GOLD, "primaryKeyPosition: 2", "primaryKeyPosition: 5"),
    (GOLD, METER, f"{METER}, enum: [{{value: a}}, {{value: b}}]"),
    (GOLD, METER, f"{METER}, logicalTypeOptions: {{minLength: 1, maxLength: 20}}"),
    (GOLD, METER, f"{METER}, tags: [a, b], examples: [x1, .nan], classification: public"),
    (GOLD, METER, f"{METER}, customProperties: [{{property: a, value: {{b: [1, 2]}}}}]"),
    pattern("^[A-Z]{{2}}[0-9]+$".replace("{{", "{").replace("}}", "}")),
    pattern(r"\p{Lu}\p{L}*+"),
    pattern(r"(?<id>\d++)-\k<id>"),
    pattern(r"(?i:abc)|\Qa.b\E"),
    pattern(r"[a-z&&[^aeiou]]+"),
    pattern(r"(?<!x)\R?\h"),
    rule("type: library, metric: rowCount, mustBeBetween: [1, 1000]"),
    rule(
        "type: library, metric: duplicateValues, arguments: {properties: [meter, read_at]}, mustBe: 0"
    ),
    rule('type: sql, query: "SELECT count(*) FROM {table} WHERE kilowatts < 0", mustBe: 0'),
    rule(
        "type: sql, query: \"SELECT count(*) FROM {table} WHERE meter RLIKE '^[a-z]+$'\", mustBe: 0"
    ),
    (GOLD, None, SLA.format(2, "d", "readings.read_at")),
    (GOLD, None, SLA.format(1.5, "hours", "gold.readings.read_at")),
    (GOLD, None, SLA.format(36, "h", "read_at")),
    (GOLD, None, "slaProperties: [{property: latency, value: 4, unit: percentage}]"),
    (GOLD, "status: active", "status: active\ntenant: grid\ntags: [a]\nteam: {name: grid}"),
    (
        GOLD,
        "status: active",
        "status: active\nservers: [{server: lake, type: s3, location: s3://x}]",
    ),
    (PIPELINE, '"0 2 * * *"', '"*/15 6-18 * * mon-fri"'),
    (PIPELINE, '"0 2 * * *"', '"0 0 29 2 *"'),
    (PIPELINE, '"0 2 * * *"', '"0 0 L * *"'),
    (PIPELINE, '"0 2 * * *"', '"0 0 * * 1#2"'),
    (PIPELINE, '"0 2 * * *"', '"0 2 * JAN-MAR 7"'),
    (PIPELINE, "partition: day", "partition: day\npool: heavy"),
    (GOLD, DECLARED, "physicalType: DOUBLE\n        logicalTypeOptions: {minimum: 0}"),
    (GOLD, DECLARED, "physicalType: INT\n        logicalTypeOptions: {minimum: 0}"),
    (PIPELINE, "start: 2024-01-01", 'start: "2024-01-15"'),
    (PIPELINE, "start: 2024-01-01", "start: 2024-01-01\nend: 2024-03-15"),
    (PIPELINE, "partition: day\n", "partition: month\n"),
    (PIPELINE, INPUTS, "inputs: {readings: bronze.readings}"),
    (PIPELINE, TRANSFORM, "transform: readings.sql"),
    (PIPELINE, TRANSFORM, "transform: meter_transforms:bounded"),
    (PIPELINE, TRANSFORM, "transform: meter_transforms:imported"),
    (PIPELINE, TRANSFORM, "transform: meter_transforms:decorated"),
    (PIPELINE, f"\n    {TRANSFORM}", ""),
    (PIPELINE, TRANSFORM, f"{TRANSFORM}\n    write: merge\n    evolution: evolve"),
    (PIPELINE, TRANSFORM, f"{TRANSFORM}\n    write: append"),
    (PIPELINE, SOURCE, f"&s {SOURCE}".replace("&s source: ", "source: &s ")),
    (PIPELINE, "name: meters", "name: other_name"),
    (MODEL, "label_delay_days: 1", "label_delay_days: 0.5"),
    (MODEL, "label_delay_days: 1", 'label_delay_days: "1"'),
    (MODEL, "{rmse: 10}", "{rmse: 10, mae: 5, r2: -1}"),
    (
        MODEL,
        "{metric: rmse}",
        "{metric: rmse, min_gain: 0.5}\n  slices: {columns: [meter], max_drop: 3}",
    ),
    (MODEL, None, "retraining: {schedule: '0 8 4 * *', cooldown_days: 7, max_age_days: 7}"),
    (MODEL, None, "retraining: {schedule: null}"),
    (MODEL, None, "training: {num_boost_round: 20, params: {max_depth: 3, eta: 0.1}}"),
    (MODEL, "Load of a meter.", ">-\n  Load of\n  a meter: 1 kW."),
    (MODEL, "name: load", "\ufeffname: load"),
    (MODEL, "owner: grid\n", "owner: grid\r\n"),
    (MODEL, "owner: grid", "owner: 'Größe & Co. 🚀'"),
    (MODEL, "[meter]", "\n  - meter"),
    (MODEL, "name: load", "name: score"),
]
