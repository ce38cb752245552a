"""Changes of small declarations that make them wrong, with what is said of each.

A change is (file, old text, new text, line, key, words of the message). An old text of `None` puts the
new text at the end of the file.
"""

BRONZE = "contracts/bronze/readings.odcs.yaml"
GOLD = "contracts/gold/readings.odcs.yaml"
PIPELINE = "pipelines/meters.yaml"
MODEL = "models/load.yaml"

Change = tuple[str, str | None, str, int, str, str]

KILOWATTS = "schema.0.properties.3"
METER = "meter, logicalType: string, physicalType: STRING"
KNOWN = "{name: known_at, logicalType: timestamp, physicalType: TIMESTAMP}"
ENOUGH = "{name: meters.enough, type: library, metric: rowCount, mustBeGreaterThan: 3, severity: warning}"
BETWEEN = "{type: expect_column_values_to_be_between, kwargs: {min_value: 0, max_value: 100}}"
SOURCE = 'source: {files: "readings/{partition}.csv"}'
INPUTS = "inputs: {readings: {table: bronze.readings, lookback: 2}}"
TRANSFORM = "transform: meter_transforms:gold_readings"

YAML: list[Change] = [
    (MODEL, "owner: grid", "owner: grid\nowner: grid", 4, "owner", "stands twice"),
    (MODEL, "owner: grid", "owner: {", 5, "yaml", ""),
    (MODEL, "owner: grid", "\towner: grid", 3, "yaml", "takes no tabs"),
    (MODEL, "owner: grid", "owner: grid\n---\nname: other", 4, "yaml", "several documents"),
    (MODEL, "owner: grid", "owner: grid\n1: x", 4, "1", "reads this key as a number"),
    (MODEL, "owner: grid", "owner: grid\non: x", 4, "on", 'Write it in quotes: "on"'),
    (MODEL, "owner: grid", "owner: grid\n? [a]\n: x", 4, "yaml", "a list or mapping stands"),
    (MODEL, "owner: grid", "owner: &a [*a]", 3, "owner.0", "an alias names what it is a part of"),
    (MODEL, "owner: grid", "owner: *a", 3, "yaml", "alias"),
    (MODEL, "owner: grid", "owner: " + "[" * 80 + "]" * 80, 3, "owner.0.0.0.0.0", "64 levels"),
    (MODEL, "owner: grid", "owner: !!int x", 3, "owner", "is no int"),
    (MODEL, "owner: grid", "owner: !!python/name:os.system x", 3, "owner", "YAML reads this as python/name:os.system"),
    (MODEL, "owner: grid", "owner: no", 3, "owner", 'true or false (found: no). Write it in quotes: "no"'),
    (MODEL, "owner: grid", "owner: 7", 3, "owner", "must be text, and YAML reads this as a number"),
    (MODEL, "owner: grid", "owner:", 3, "owner", "must be text"),
    (MODEL, "owner: grid", 'owner: "\\0\x07"', 3, "yaml", "control character"),
    (MODEL, "label_delay_days: 1", "label_delay_days: 1:30", 9, "label_delay_days", "reads 1:30 as another number"),
    (MODEL, "label_delay_days: 1", "label_delay_days: 010", 9, "label_delay_days", "reads 010 as another number"),
    (GOLD, "version: 1.0.0", "version: 1.0", 5, "version", 'Write it in quotes: "1.0"'),
    (PIPELINE, "start: 2024-01-01", "start: 2024-02-31", 6, "start", "is no timestamp that exists"),
    (PIPELINE, "start: 2024-01-01", "start: 1704067200", 6, "start", "a day such as 2024-01-01"),
    (PIPELINE, "start: 2024-01-01", "start: 01/01/2024", 6, "start", "a day such as 2024-01-01"),
]  # fmt: skip

NAMES: list[Change] = [
    (GOLD, "name: gold.readings", "name: gold.reading", 4, "name", "must be gold.readings"),
    (PIPELINE, "name: meters", "name: Meters", 1, "name", "small letters"),
    (MODEL, "name: load", "name: load-model", 1, "name", "small letters, digits and _"),
    (MODEL, "name: load", f"name: {'l' * 101}", 1, "name", "longer than the 100"),
    (MODEL, "description: Load of a meter.", 'description: " "', 2, "description", "is empty"),
    (PIPELINE, "owner: grid", 'owner: ""', 3, "owner", "is empty"),
    (PIPELINE, "partition: day", 'partition: day\npool: ""', 6, "pool", "is empty"),
]  # fmt: skip

CONTRACTS: list[Change] = [
    (GOLD, "DOUBLE", "DUBLE", 18, f"{KILOWATTS}.physicalType", "'DUBLE' is not a type; use BOOLEAN"),
    (GOLD, "DOUBLE", "VARCHAR2(10)", 18, f"{KILOWATTS}.physicalType", "'VARCHAR2' is not a type"),
    (GOLD, "DOUBLE", '"DECIMAL(40,2)"', 18, f"{KILOWATTS}.physicalType", "1 to 38 digits"),
    (GOLD, "physicalType: DOUBLE", "description: x", 16, f"{KILOWATTS}.physicalType", "is missing"),
    (GOLD, "logicalType: number", "logicalType: boolean", 17, f"{KILOWATTS}.logicalType", "boolean contradicts physicalType DOUBLE"),
    (GOLD, "logicalType: number", "logicalType: float", 17, f"{KILOWATTS}.logicalType", "must be one of string"),
    (GOLD, "logicalType: number", "logicalTyp: number", 17, f"{KILOWATTS}.logicalTyp", "Did you mean logicalType?"),
    (GOLD, "logicalType: number", "physicalName: kw\n        logicalType: number", 17, f"{KILOWATTS}.physicalName", "cannot be called kw as well"),
    (GOLD, "primaryKeyPosition: 2", "primaryKeyPosition: 1", 14, "schema.0.properties.1.primaryKeyPosition", "the same position, 1"),
    (GOLD, KNOWN, KNOWN.replace("}", ", primaryKeyPosition: 3}"), 15, "schema.0.properties.2.primaryKeyPosition", "is not of it"),
    (GOLD, "kind: DataContract", "kind: DataContrat", 2, "kind", "found: DataContrat"),
    (GOLD, "id: gold.readings\n", "", 1, "id", "is missing"),
    (GOLD, "status: active", "status: active\nservers: [{server: x, typ: s3}]", 7, "servers.0.typ", "unknown key"),
    (GOLD, "meters.enough", "kilowatts.plausible", 20, "kilowatts.plausible", "two rules have this name"),
    (GOLD, "severity: warning", "severity: loud", 25, "schema.0.quality.0.severity", "severity loud is not one of"),
    (GOLD, "min_value: 0, max_value: 100", "", 20, f"{KILOWATTS}.quality.0", "min_value or max_value"),
    (GOLD, "kwargs: {min_value: 0, max_value: 100}", "kwargs: [1, 2]", 20, f"{KILOWATTS}.quality.0", ""),
    (GOLD, "kwargs: {min_value", "kwargs: {column: killowatts, min_value", 23, f"{KILOWATTS}.quality.0.implementation.kwargs.column", "is not in the contract"),
    (GOLD, BETWEEN, "{type: expect_column_values_to_match_regex, kwargs: {regex: '[a-'}}", 23, f"{KILOWATTS}.quality.0.implementation.kwargs.regex", "a bracket is not closed"),
    (GOLD, METER, f"{METER}, logicalTypeOptions: {{pattern: '(?P<a>x)'}}", 13, "schema.0.properties.0.logicalTypeOptions.pattern", "Java writes a named group as (?<name>...)"),
    (GOLD, METER, f"{METER}, logicalTypeOptions: {{pattern: 7}}", 13, "schema.0.properties.0.logicalTypeOptions.pattern", "is not a pattern; give a text in quotes"),
    (GOLD, METER, f"{METER}, logicalTypeOptions: {{minLength: 5, maxLength: 2}}", 13, "schema.0.properties.0.logicalTypeOptions.minLength", "minLength 5 is above maxLength 2"),
    (GOLD, "mustBeGreaterThan: 3", "mustBeBetween: [9, 3]", 25, "schema.0.quality.0.mustBeBetween", "give the smaller number first"),
    (GOLD, "expect_column_values_to_be_between", "expect_column_values_to_be_betwen", 23, f"{KILOWATTS}.quality.0.implementation.type", "is not known; known: "),
    (GOLD, "max_value: 100", "max_valeu: 100", 23, f"{KILOWATTS}.quality.0.implementation.kwargs.max_valeu", "has no argument max_valeu"),
    (GOLD, ENOUGH, ENOUGH.replace("severity", "unit: percentage, severity"), 25, "schema.0.quality.0.unit", "unit percentage is not known; known: rows, percent"),
    (GOLD, ENOUGH, "{name: a, type: sql, query: 'SELEC 1', mustBe: 0}", 25, "schema.0.quality.0", "cannot be read as Spark SQL"),
    (GOLD, ENOUGH, "{name: a, type: sql, query: 'SELECT count(*) FROM {table} WHERE metre = 1', mustBe: 0}", 25, "schema.0.quality.0", "column metre is not in the contract"),
    (GOLD, METER, f"{METER}, primaryKey: maybe", 13, "schema.0.properties.0.primaryKey", "stands twice"),
    (GOLD, ENOUGH, "{name: a, type: library, metric: invalidValues, arguments: {properties: [meter], pattern: '*'}, mustBe: 0}", 25, "schema.0.quality.0.arguments.pattern", "'*' repeats nothing"),
    (GOLD, ENOUGH, "{name: a, type: sql, query: \"SELECT count(*) FROM {table} WHERE meter RLIKE '('\", mustBe: 0}", 25, "schema.0.quality.0.query", "a parenthesis is not closed"),
    (GOLD, ENOUGH, "{name: a, type: library, metric: duplicateValues, arguments: {properties: [metre]}, mustBe: 0}", 25, "schema.0.quality.0.arguments.properties.0", "is not in the contract"),
    (GOLD, None, "slaProperties: [{property: freshness, value: 2, unit: percentage, element: readings.read_at}]", 26, "slaProperties.0", "unit d or h"),
    (GOLD, None, "slaProperties: [{property: freshness, value: -2, unit: d, element: readings.read_at}]", 26, "slaProperties.0.value", "above 0 (found: -2)"),
    (GOLD, None, "slaProperties: [{property: freshness, value: 2, unit: d, element: readings.red_at}]", 26, "slaProperties.0.element", "no such column"),
    (GOLD, None, "slaProperties: [{property: freshness, value: 2, unit: d, element: readings.meter}]", 26, "slaProperties.0.element", "only a TIMESTAMP or DATE"),
    (GOLD, None, "slaProperties: [{property: freshness, value: 2, unit: d, element: other.read_at}]", 26, "slaProperties.0.element", "other is not this table"),
    (GOLD, None, "slaProperties:\n- &f {property: freshness, value: 2, unit: d, element: read_at}\n- *f", 27, "slaProperties.1", "a second freshness"),
    (GOLD, None, "  - {name: two, logicalType: object}", 8, "schema", "one table a contract is expected, 2 found"),
]  # fmt: skip

PIPELINES: list[Change] = [
    (PIPELINE, '"0 2 * * *"', "daily", 4, "schedule", "five fields"),
    (PIPELINE, '"0 2 * * *"', '"@daily"', 4, "schedule", "five fields"),
    (PIPELINE, '"0 2 * * *"', '"61 * * * *"', 4, "schedule", "out of range (found: 61 * * * *)"),
    (PIPELINE, '"0 2 * * *"', '"0 6 31 2 *"', 4, "schedule", "never comes"),
    (PIPELINE, '"0 2 * * *"', '"R * * * *"', 4, "schedule", "another time each time"),
    (PIPELINE, "partition: day", "partition: week", 5, "partition", "must be 'month', 'day' or 'hour' (found: week)"),
    (PIPELINE, "partition: day\nstart: 2024-01-01", "partition: month\nstart: 2024-01-15", 6, "start", "lies inside a month. Give the first day of a month, such as 2024-01-01"),
    (PIPELINE, "start: 2024-01-01", "start: 2024-01-01\nend: 2023-12-31", 7, "end", "is not after the start"),
    (PIPELINE, "partition: day\nstart: 2024-01-01", "partition: month\nstart: 2024-01-01\nend: 2025-01-02", 7, "end", "lies inside a month"),
    (PIPELINE, "start: 2024-01-01", "start: 0999-01-01", 6, "start", "lies outside the years"),
    (PIPELINE, SOURCE, "source: {files: 'all.csv'}", 9, "tables.bronze.readings.source.files", "Put {partition} where"),
    (PIPELINE, SOURCE, f"{SOURCE}\n    history_days: 6", 10, "tables.bronze.readings.history_days", "greater than or equal to 7 (found: 6)"),
    (PIPELINE, "partition: day", "partition: day\nhistory_days: 1.5", 6, "history_days", "found: 1.5"),
    (PIPELINE, SOURCE, f"{SOURCE}\n    most_quarantined: 20", 10, "tables.bronze.readings.most_quarantined", "less than or equal to 1 (found: 20)"),
    (PIPELINE, SOURCE, "source: {files: 'x/{partition}.csv', columns: {colour: {format: yyyy-MM-dd}}}", 9, "tables.bronze.readings.source.columns.colour", "has no column colour"),
    (PIPELINE, SOURCE, "source: {file: x.csv}", 9, "tables.bronze.readings.source.file", "Did you mean files?"),
    (PIPELINE, SOURCE, "source: {files: 'x/{partition}.csv', null_values: NA}", 9, "tables.bronze.readings.source.null_values", "must be a list (found: NA)"),
    (PIPELINE, SOURCE, "source: {files: 'x/{partition}.csv', null_values: [no]}", 9, "tables.bronze.readings.source.null_values.0", 'Write it in quotes: "no"'),
    (PIPELINE, f"    {SOURCE}", "    write: append", 8, "tables.bronze.readings", "give either `source`"),
    (PIPELINE, TRANSFORM, f'{TRANSFORM}\n    {SOURCE}', 10, "tables.gold.readings", "give either `source`"),
    (PIPELINE, "table: bronze.readings", "table: bronze.lost", 11, "tables.gold.readings.inputs.readings", "table bronze.lost is not declared"),
    (PIPELINE, "table: bronze.readings", "table: gold.readings", 11, "tables.gold.readings.inputs.readings", "feed each other: gold.readings -> gold.readings"),
    (PIPELINE, SOURCE, "inputs: {later: gold.readings}", 9, "tables.bronze.readings.inputs.later", "feed each other"),
    (PIPELINE, "lookback: 2", "lookback: -1", 11, "tables.gold.readings.inputs.readings.lookback", "greater than or equal to 0 (found: -1)"),
    (PIPELINE, f"    {SOURCE}", f"    partition: none\n    {SOURCE.replace('{partition}', 'all')}", 12, "tables.gold.readings.inputs.readings", "has no partitions"),
    (PIPELINE, "{readings: {", "{class: {", 11, "tables.gold.readings.inputs.class", "no word of Python"),
    (PIPELINE, "{readings: {", "{start: {", 11, "tables.gold.readings.inputs.start", "a bound of the partition"),
    (PIPELINE, TRANSFORM, "transform: gold_readings", 12, "tables.gold.readings.transform", "must be module:function"),
    (PIPELINE, TRANSFORM, "transform: ../gold_readings.sql", 12, "tables.gold.readings.transform", "without '..'"),
    (PIPELINE, TRANSFORM, "transform: gold_readings.sql", 12, "tables.gold.readings.transform", "no such file in pipelines/"),
    (PIPELINE, TRANSFORM, "transform: lost_transforms:gold", 12, "tables.gold.readings.transform", "no module lost_transforms"),
    (PIPELINE, TRANSFORM, "transform: meter_transforms:lost", 12, "tables.gold.readings.transform", "no such function"),
    (PIPELINE, TRANSFORM, "transform: meter_transforms:other", 12, "tables.gold.readings.transform", "its parameters are ['rows'], the declared inputs ['readings']"),
    (PIPELINE, TRANSFORM, "transform: broken_transforms:gold", 12, "tables.gold.readings.transform", "line 2 of the module is not Python"),
    (PIPELINE, TRANSFORM, f"{TRANSFORM}\n    write: replace", 13, "tables.gold.readings.write", "'append', 'merge' or 'replace_partition' (found: replace)"),
    (PIPELINE, TRANSFORM, f"{TRANSFORM}\n    evolution: 3", 13, "tables.gold.readings.evolution", "(found: 3)"),
    (PIPELINE, TRANSFORM, f"{TRANSFORM}\n    writ: append", 13, "tables.gold.readings.writ", "Did you mean write?"),
    (PIPELINE, TRANSFORM, f"{TRANSFORM}\n  gold.more: {{inputs: {{x: gold.readings}}}}", 13, "tables.gold.more", "it has no contract"),
]  # fmt: skip

MODELS: list[Change] = [
    (MODEL, "monitors:", "monitor:", 15, "monitor", "unknown key. Known keys here: "),
    (MODEL, "table: gold.readings", "table: gold.lost", 4, "table", "table gold.lost is not declared"),
    (MODEL, "task: regression", "task: ranking", 5, "task", "must be 'binary' or 'regression'"),
    (MODEL, "target: kilowatts", "target: Kilowatts", 6, "target", "no such column in gold.readings (found: Kilowatts)"),
    (MODEL, "known_time: known_at", "known_time: kilowatts", 8, "known_time", "is a TIMESTAMP"),
    (MODEL, "label_delay_days: 1", "label_delay_days: yes", 9, "label_delay_days", "reads this as true or false"),
    (MODEL, "label_delay_days: 1", "label_delay_days: .inf", 9, "label_delay_days", "must be a finite number"),
    (MODEL, "label_delay_days: 1", "label_delay_days: 1e9", 9, "label_delay_days", "hundred years"),
    (MODEL, "[meter]", "[]", 10, "features", "at least 1 item"),
    (MODEL, "[meter]", "[meter, kilowatts]", 10, "features.1", "known only afterwards"),
    (MODEL, "[meter]", "[meter, meter]", 10, "features.1", "features named twice: meter"),
    (MODEL, "[meter]", "[meter, colour]", 10, "features.1", "no such column"),
    (MODEL, "[meter]", "meter", 10, "features", "must be a list (found: meter)"),
    (MODEL, "holdout_days: 2", "holdout_days: 3", 11, "split.holdout_days", "leave nothing to learn from: the first model knows 3 days"),
    (MODEL, "holdout_days: 2, ", "", 11, "split.holdout_days", "is missing"),
    (MODEL, "first_after_partitions: 3", "first_after_partitions: 999999999", 11, "split.first_after_partitions", "more than a hundred years"),
    (MODEL, "{rmse: 10}", "{auc: 0.6}", 13, "gates.floors.auc", "do not fit regression: rmse, mae, r2"),
    (MODEL, "{rmse: 10}", "{rmse: -1}", 13, "gates.floors.rmse", "rmse lies at 0 or above (found: -1)"),
    (MODEL, "{rmse: 10}", "{r2: 85}", 13, "gates.floors.r2", "r2 lies at 1 or below (found: 85)"),
    (MODEL, "{rmse: 10}", "{accuracy: 1}", 13, "gates.floors.accuracy", "must be 'auc'"),
    (MODEL, "{metric: rmse}", "{metric: rmse}\n  slices: {columns: [], max_drop: 1}", 15, "gates.slices.columns", "at least 1 item"),
    (MODEL, "{metric: rmse}", "{metric: rmse}\n  slices: {columns: [colour], max_drop: 1}", 15, "gates.slices.columns.0", "no such column"),
    (MODEL, "{metric: rmse}", "{metric: rmse}\n  slices: {columns: [meter, meter], max_drop: 1}", 15, "gates.slices.columns.1", "named twice"),
    (MODEL, "max_drop: 1", "max_drop: -1", 16, "monitors.performance.max_drop", "greater than 0 (found: -1)"),
    (MODEL, "max_drop: 1", "maxdrop: 1", 16, "monitors.performance.maxdrop", "Did you mean max_drop?"),
    (MODEL, None, "retraining: {cooldown_days: 30, max_age_days: 7}", 17, "retraining.max_age_days", "less than cooldown_days, 30"),
    (MODEL, None, "retraining: {schedule: monthly}", 17, "retraining.schedule", "five fields"),
    (MODEL, None, "retraining: {schedule: '0 8 32 * *'}", 17, "retraining.schedule", "out of range"),
    (MODEL, None, "training: {num_boost_round: 0}", 17, "training.num_boost_round", "greater than or equal to 1"),
    (MODEL, None, "training:\n  params:\n    eta: 0.1\n    max_depht: 3", 20, "training.params.max_depht", "did you mean max_depth?"),
    (MODEL, None, "training:\n  params:\n    eta: 0.1\n    max_depth: three", 20, "training.params.max_depth", "'three' is not a whole number"),
    (MODEL, None, "training: {params: {scale_pos_weight: 2}}", 17, "training.params.scale_pos_weight", "no positive class"),
    (MODEL, None, "training: {time_limit_minutes: 0}", 17, "training.time_limit_minutes", "greater than or equal to 1"),
    (MODEL, None, "approval: maybe", 17, "approval", "must be 'none' or 'required'"),
]  # fmt: skip

FOLLOWED: list[Change] = [
    (GOLD, "name: kilowatts", "name: Meter", 16, f"{KILOWATTS}.name", "differs from meter by case"),
    (GOLD, "name: kilowatts", "name: meter", 16, f"{KILOWATTS}.name", "stands twice"),
    (GOLD, "name: kilowatts", "name: _kilowatts", 16, f"{KILOWATTS}.name", "Headrace's own"),
    (GOLD, "name: kilowatts", 'name: "kilo\\nwatts"', 16, f"{KILOWATTS}.name", "control character"),
    (GOLD, "name: kilowatts", 'name: "kilo`watts"', 16, f"{KILOWATTS}.name", "Great Expectations"),
    (GOLD, "name: kilowatts", 'name: "*"', 16, f"{KILOWATTS}.name", "Great Expectations"),
    (GOLD, "name: kilowatts", f"name: {'k' * 256}", 16, f"{KILOWATTS}.name", "longer than 255"),
    (GOLD, "name: kilowatts", 'name: " "', 16, f"{KILOWATTS}.name", "is blank"),
    (GOLD, "name: kilowatts", 'name: ""', 16, f"{KILOWATTS}.name", "is missing"),
    (PIPELINE, "gold.readings:", "gold.Readings:", 10, "tables.gold.Readings", "in small letters"),
    (PIPELINE, "gold.readings:", "raw.readings:", 10, "tables.raw.readings", "bronze.*, silver.*"),
    (PIPELINE, "gold.readings:", f"gold.{'r' * 200}:", 10, f"tables.gold.{'r' * 200}", "longer than 200"),
    (GOLD, "logicalType: number", "enum: [0, 1]", 17, f"{KILOWATTS}.enum.0", "Write {value: 0}"),
    (GOLD, METER, "meter, logicalType: map, physicalType: 'MAP<STRING,INT>'", 13, "schema.0.properties.0", "cannot be compared"),
    (GOLD, "logicalType: number\n        physicalType: DOUBLE", "logicalType: object\n        physicalType: 'STRUCT<a: INT>'\n        properties: [{name: a, logicalType: integer, physicalType: INT, required: true}]", 19, f"{KILOWATTS}.properties.0.required", "is not checked"),
    (PIPELINE, f"    {INPUTS}", f"    partition: none\n    {INPUTS}", 12, "tables.gold.readings.inputs.readings.lookback", "reads all of its inputs"),
    (PIPELINE, f"    {INPUTS}", f"    partition: hour\n    {INPUTS}", 12, "tables.gold.readings.inputs.readings", "is built by hour, bronze.readings by day"),
    (PIPELINE, "tables:", "tables: []\nrest:", 7, "tables", "must be a mapping of keys"),
    (MODEL, "target: kilowatts", "target: meter", 6, "target", "is STRING, and a target is a number or a boolean"),
    (MODEL, "event_time: read_at", "event_time: meter", 7, "event_time", "is STRING, and an event time is a TIMESTAMP"),
]  # fmt: skip
"""Of which something else is wrong as a consequence, and said as well."""

BINARY: list[Change] = [
    (MODEL, "floors: {auc: 0.6}", "floors: {auc: 65}", 13, "gates.floors.auc", "auc lies between 0 and 1 (found: 65). Write 0.65"),
    (MODEL, "floors: {auc: 0.6}", "floors: {logloss: -0.1}", 13, "gates.floors.logloss", "logloss lies at 0 or above"),
    (MODEL, "{metric: auc}", "{metric: auc, min_gain: 2}", 14, "gates.champion.min_gain", "auc changes by 1 at most (found: 2). Write 0.02"),
    (MODEL, "max_drop: 0.1", "max_drop: 5", 16, "monitors.performance.max_drop", "Write 0.05"),
]  # fmt: skip
"""Of a model that says yes or no."""

ALL: list[Change] = [*YAML, *NAMES, *CONTRACTS, *PIPELINES, *MODELS]
