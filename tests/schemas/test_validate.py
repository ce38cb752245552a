"""`headrace validate` refuses what can never run, all of it at once, and nothing else."""

import json
import random
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from headrace_launcher.cli.app import app
from headrace_launcher.project.validate import KEPT, editor_schemas, validate
from headrace_schemas.project_errors import DeclarationInvalid, DeclarationsInvalid
from tests.schemas.declarations import CONTRACT, change, write
from tests.schemas.right_declarations import RIGHT
from tests.schemas.wrong_declarations import (
    ALL,
    BINARY,
    BRONZE,
    FOLLOWED,
    GOLD,
    MODEL,
    PIPELINE,
    TRANSFORM,
)

PROJECT = Path(__file__).parents[2]

MODULE = """\
import functools
from os.path import join as imported


def gold_readings(readings): ...


def bounded(readings, *, start, end): ...


def other(rows): ...


@functools.cache
def decorated(*rows): ...
"""

RULES = """\
raise RuntimeError("imported")


class ExpectDay(Batch): ...


def day(): ...


class Plain: ...
"""

QUERY = """\
WITH positive AS (SELECT * FROM readings WHERE kilowatts > 0 AND read_at >= :start)
SELECT meter, read_at, known_at, kilowatts * 2 AS kilowatts FROM positive
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "meter_transforms.py").write_text(MODULE)
    (tmp_path / "meter_rules.py").write_text(RULES)
    (tmp_path / "broken_transforms.py").write_text("import os\ndef gold(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    schemas = write(tmp_path / "schemas")
    (schemas / "pipelines/readings.sql").write_text(QUERY)
    return schemas


def altered(root: Path, file: str, old: str | None, new: str) -> Path:
    """A declaration after one change."""
    path = root / file
    if old is None:
        path.write_text(f"{path.read_text()}{new}\n")
        return path
    return change(path, old, new)


def refused(root: Path) -> list[str]:
    """What is said against the declarations, a line each."""
    with pytest.raises(DeclarationInvalid) as error:
        validate(root)
    return [one.message.replace(f"{root}/", "") for one in error.value.problems]


def test_declarations_pass_when_complete(root):
    checked = validate(root)
    found = (checked.contracts, checked.pipelines, checked.models, checked.transforms)
    assert found == (2, 1, 1, 1)
    assert checked.rules > 10


def test_class_of_a_rule_is_not_imported_when_it_is_there(root):
    change(
        root / GOLD,
        "expect_column_values_to_be_between, kwargs: {min_value: 0, max_value: 100}",
        '"meter_rules:ExpectDay"',
    )
    assert validate(root).rules > 10


@pytest.mark.parametrize(("file", "old", "new", "line", "key", "says"), ALL)
def test_declaration_is_refused_when_one_thing_is_wrong(root, file, old, new, line, key, says):
    altered(root, file, old, new)
    (only,) = refused(root)
    assert only.startswith(f"{file}:{line}: {key}: ")
    assert says in only


@pytest.mark.parametrize(("file", "old", "new", "line", "key", "says"), FOLLOWED)
def test_declaration_is_refused_when_more_follows(root, file, old, new, line, key, says):
    altered(root, file, old, new)
    found = refused(root)
    assert 1 < len(found) < 4
    assert any(one.startswith(f"{file}:{line}: {key}: ") and says in one for one in found)


@pytest.mark.parametrize(("file", "old", "new", "line", "key", "says"), BINARY)
def test_threshold_is_refused_when_out_of_the_metric_s_range(root, file, old, new, line, key, says):
    change(root / MODEL, "task: regression", "task: binary")
    change(root / MODEL, "{rmse: 10}", "{auc: 0.6}")
    change(root / MODEL, "{metric: rmse}", "{metric: auc}")
    change(root / MODEL, "{metric: rmse, max_drop: 1}", "{metric: auc, max_drop: 0.1}")
    assert validate(root).models == 1
    altered(root, file, old, new)
    (only,) = refused(root)
    assert only.startswith(f"{file}:{line}: {key}: ")
    assert says in only


@pytest.mark.parametrize(("file", "old", "new"), RIGHT)
def test_declaration_is_right_when_written_otherwise(root, file, old, new):
    altered(root, file, old, new)
    assert validate(root).contracts == 2


def test_all_problems_are_said_in_order_when_several_files_are_wrong(root):
    change(root / MODEL, "label_delay_days: 1", "label_delay_days: soon")
    change(root / MODEL, "[meter]", "[meter, colour]")
    change(root / MODEL, "{rmse: 10}", "{auc: 0.6}")
    change(root / PIPELINE, '"0 2 * * *"', '"61 * * * *"')
    change(root / PIPELINE, TRANSFORM, "transform: lost_transforms:gold\n    writ: append")
    change(root / GOLD, "DOUBLE", "DUBLE")
    change(root / GOLD, "severity: warning", "severity: loud")
    change(root / BRONZE, "kind: DataContract", "kind: DataContrat")
    places = [re.match(r"([\w./]+):(\d+): ([\w.]+): ", one).groups() for one in refused(root)]
    assert places == [
        (BRONZE, "2", "kind"),
        (GOLD, "18", "schema.0.properties.3.physicalType"),
        (GOLD, "25", "schema.0.quality.0.severity"),
        (MODEL, "9", "label_delay_days"),
        (MODEL, "10", "features.1"),
        (MODEL, "13", "gates.floors.auc"),
        (PIPELINE, "4", "schedule"),
        (PIPELINE, "12", "tables.gold.readings.transform"),
        (PIPELINE, "13", "tables.gold.readings.writ"),
    ]


def test_command_names_every_problem_and_fails_when_declarations_are_wrong(root):
    change(root / MODEL, "[meter]", "[meter, colour]")
    change(root / PIPELINE, "partition: day", "partition: fortnight")
    answer = CliRunner().invoke(app, ["validate", str(root)])
    assert answer.exit_code == 1
    lines = answer.stderr.splitlines()
    assert lines[0].startswith(f"{root / MODEL}:10: features.1: no such column")
    assert lines[1].startswith(f"{root / PIPELINE}:5: partition: must be")
    assert lines[2:] == ["2 things are wrong in 2 files."]


def test_message_is_bounded_when_very_much_is_wrong(root):
    columns = "".join(f"      - {{name: c{n}, physicalType: DUBLE}}\n" for n in range(60))
    change(root / GOLD, "    quality:\n      -", f"{columns}    quality:\n      -")
    with pytest.raises(DeclarationsInvalid) as error:
        validate(root)
    assert len(error.value.problems) == 60
    assert error.value.message.splitlines()[-1] == "... and 10 more."


def test_folder_is_refused_when_missing_or_empty(tmp_path):
    assert "there is no such folder" in refused(tmp_path / "lost")[0]
    assert [one.split(":")[0] for one in refused(tmp_path)] == ["contracts", "pipelines"]
    for kind in ("contracts", "pipelines"):
        (tmp_path / kind).mkdir()
    assert "no */*.odcs.yaml is there" in refused(tmp_path)[0]


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("contracts/readings.odcs.yaml", "contracts/<layer>/<table>.odcs.yaml"),
        ("contracts/gold/more.yaml", "contracts/<layer>/<table>.odcs.yaml"),
        ("contracts/gold/more.odcs.yml", "contracts/<layer>/<table>.odcs.yaml"),
        ("contracts/gold/deep/more.odcs.yaml", "contracts/<layer>/<table>.odcs.yaml"),
        ("pipelines/more.yml", "pipelines/<name>.yaml"),
        ("pipelines/deep/more.yaml", "pipelines/<name>.yaml"),
        ("models/more.json", "models/<name>.yaml"),
        ("more.yaml", "contracts/<layer>/, pipelines/ or models/"),
    ],
)
def test_file_is_refused_when_nothing_would_read_it(root, path, advice):
    file = root / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("name: more")
    (only,) = refused(root)
    assert only.startswith(f"{path}:1: file: nothing reads this file.")
    assert advice in only


def test_folder_is_refused_when_nearly_called_as_it_should_be(root):
    (root / "model").mkdir()
    (root / "model/more.yaml").write_text("name: more")
    assert refused(root) == ["model:1: folder: nothing reads this folder. Call it models."]


def test_files_are_let_be_when_they_are_no_declarations(root):
    for path in ("contracts/README.md", "models/.gitkeep", "pipelines/.x.yaml.swp", "notes.txt"):
        (root / path).write_text("x")
    assert validate(root).contracts == 2


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"name: load\nowner: gr\xfcn\n", 2, "is not UTF-8"),
        ("name: load".encode("utf-16"), 1, "is not UTF-8"),
        (b"", 1, "the file is empty"),
        (b"# nothing\n", 1, "the file is empty"),
        (b"- a\n- b\n", 1, "no mapping"),
        (b"a: " + b"[" * 100_000, 1, "nesting"),
        (b"".join(b" " * n + b"a:\n" for n in range(1500)), 1000, "nesting"),
        (
            b"a0: &a0 [x]\n"
            + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
            1,
            "stands for",
        ),
        (b"name: " + b"9" * 5000, 1, "is no int"),
        (b"x: y\n" * (1 << 21), 1, "bytes"),
    ],
    ids=range(10),
)
def test_file_is_refused_when_no_declaration_can_be_in_it(root, content, line, says):
    (root / "models/other.yaml").write_bytes(content)
    (only,) = refused(root)
    assert only.startswith(f"models/other.yaml:{line}: ")
    assert says in only


def test_file_is_refused_when_it_is_a_folder_or_leads_nowhere(root):
    (root / "models/folder.yaml").mkdir()
    (root / "models/link.yaml").symlink_to(root / "nowhere")
    assert [one.split(": ", 1)[1] for one in refused(root)] == ["file: is not a file."] * 2


def test_table_is_refused_when_two_pipelines_build_it(root):
    text = (root / PIPELINE).read_text().replace("name: meters", "name: second")
    (root / "pipelines/second.yaml").write_text(text)
    found = refused(root)
    assert [one.split(":")[:2] for one in found] == [
        ["pipelines/second.yaml", "8"],
        ["pipelines/second.yaml", "10"],
    ]
    assert "pipeline meters builds bronze.readings as well" in found[0]


def test_name_is_refused_when_two_files_declare_it(root):
    (root / "models/second.yaml").write_text((root / MODEL).read_text())
    (only,) = refused(root)
    assert only.startswith("models/second.yaml:1: name: load is declared by load.yaml as well")


def test_source_is_refused_when_its_files_are_not_named(root):
    change(root / PIPELINE, '"readings/{partition}.csv"', '" "')
    where = "pipelines/meters.yaml:9: tables.bronze.readings.source.files: is empty."
    assert where in refused(root)


def test_table_is_refused_when_no_pipeline_builds_it(root):
    (root / "contracts/gold/more.odcs.yaml").write_text(CONTRACT.format(name="gold.more"))
    (only,) = refused(root)
    assert only.startswith("contracts/gold/more.odcs.yaml:4: name: table gold.more is not declared")


def test_model_is_refused_when_its_table_has_no_key_or_ends_too_early(root):
    text = re.sub(r", primaryKey: true, primaryKeyPosition: \d", "", (root / GOLD).read_text())
    (root / GOLD).write_text(text)
    change(root / PIPELINE, "start: 2024-01-01", "start: 2024-01-01\nend: 2024-01-03")
    key, history = refused(root)
    assert key.startswith("models/load.yaml:4: table: gold.readings has no key")
    assert history.startswith("models/load.yaml:11: split.first_after_partitions: the data of")


def test_merge_is_refused_when_the_contract_has_no_key(root):
    (root / MODEL).unlink()
    text = re.sub(r", primaryKey: true, primaryKeyPosition: \d", "", (root / GOLD).read_text())
    (root / GOLD).write_text(text)
    change(root / PIPELINE, TRANSFORM, f"{TRANSFORM}\n    write: merge")
    (only,) = refused(root)
    assert only.startswith(
        "pipelines/meters.yaml:13: tables.gold.readings.write: merge needs a key"
    )


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT * FROM readings", ""),
        ("SELECT * FROM readings;", ""),
        ("SELECT r.* FROM Readings r LATERAL VIEW explode(array(1)) t AS e", ""),
        (
            "SELECT meter, read_at, known_at, max(kilowatts) kilowatts FROM readings GROUP BY ALL",
            "",
        ),
        ("SELECT * EXCEPT (kilowatts), 1D AS kilowatts FROM readings", ""),
        ("(SELECT * FROM readings) UNION ALL (SELECT * FROM readings)", ""),
        ("SELECT /*+ BROADCAST(r) */ * FROM readings r WHERE read_at < :end", ""),
        ("SELECT * FROM readings, range(3)", ""),
        ("TABLE readings", ""),
        ("SELEC a", "is no query"),
        ("SELECT * FROM", "line 1 is not SQL"),
        ("SELECT *\nFROM readings WHERE (a = 1", "line 2 is not SQL"),
        ("SELECT 'a FROM readings", "is not SQL"),
        ("", "0 statements found"),
        ("SELECT 1; SELECT 2", "2 statements found"),
        ("DROP TABLE readings", "is no query"),
        ("INSERT INTO readings SELECT 1", "is no query"),
        ("SELECT * FROM meters", "reads meters, and the inputs are readings"),
        ("SELECT * FROM text.`/etc/passwd`", "reads text./etc/passwd"),
        ("SELECT * FROM readings WHERE a IN (SELECT a FROM hidden)", "reads hidden"),
        (
            "SELECT meter, read_at FROM readings",
            "lacks columns of the contract: known_at, kilowatts",
        ),
        (
            "SELECT meter, read_at, known_at, kilowatts, 1 AS one FROM readings",
            "does not know: one",
        ),
    ],
)
def test_query_is_read_when_a_table_is_made_by_it(root, query, says):
    change(root / PIPELINE, TRANSFORM, "transform: readings.sql")
    (root / "pipelines/readings.sql").write_text(query)
    if not says:
        assert validate(root).transforms == 1
        return
    (only,) = refused(root)
    assert only.startswith("pipelines/meters.yaml:12: tables.gold.readings.transform: ")
    assert says in only


PIECES = (
    "",
    "null",
    "[]",
    "{}",
    "-1",
    "1e400",
    ".nan",
    "true",
    "2024-13-45",
    "[1, 2]",
    "{a: b}",
    "&a [*a]",
    "*x",
    "!!int x",
    "!!bool x",
    "!!timestamp x",
    "!!binary é",
    "<<: 3",
    "? a",
    "\t",
    "\x00",
    "🚀",
    "1:30",
    "'" + "a" * 300 + "'",
    "| \n  text",
    "%",
    "@",
    "---",
    "- {}",
    '"',
    "\\",
    "gold.readings",
    "STRUCT<",
    "(?<=",
    "'61 * * * *'",
    "!!set {a}",
    "!!omap [a: 1]",
    "=",
)


def mutated(text: str, source: random.Random) -> str:
    """The text with one change that a hurried person or a broken tool could make."""
    lines = text.split("\n")
    at, other = source.randrange(len(lines)), source.randrange(len(lines))
    words = list(re.finditer(r"[\w.]+", lines[at]))
    kind = source.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 2:
        lines[at] = " " * source.randrange(6) + lines[at]
    elif kind == 3 and ":" in lines[at]:
        lines[at] = f"{lines[at].partition(':')[0]}: {source.choice(PIECES)}"
    elif words:
        word = source.choice(words)
        piece = source.choice(PIECES)
        lines[at] = f"{lines[at][: word.start()]}{piece}{lines[at][word.end() :]}"
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_answer_is_valid_or_refused_when_files_are_mutilated(root, seed):
    source = random.Random(seed)
    texts = {root / name: (root / name).read_text() for name in (GOLD, PIPELINE, MODEL)}
    refusals = 0
    for _ in range(60):
        file = source.choice(list(texts))
        file.write_text(mutated(mutated(texts[file], source), source))
        try:
            validate(root)
        except DeclarationInvalid as error:
            refusals += 1
            lines = file.read_text().count("\n") + 2
            for one in error.problems:
                assert one.fields["file"] != str(file) or 1 <= one.fields["line"] <= lines
                assert "\n" not in one.message
        file.write_text(texts[file])
    assert refusals > 30


def test_flagship_passes_when_it_is_checked():
    assert validate(PROJECT / "schemas").contracts == 11


@pytest.mark.parametrize("name", editor_schemas())
def test_editor_schema_is_up_to_date_when_declarations_change(name):
    assert (KEPT / name).read_text() == editor_schemas()[name]


@pytest.mark.parametrize("name", editor_schemas())
def test_every_property_is_described_when_an_editor_shows_it(name):
    schema = json.loads(editor_schemas()[name])
    objects = {name: schema, **schema["$defs"]}
    properties = {
        f"{owner}.{key}": value
        for owner, one in objects.items()
        for key, value in one.get("properties", {}).items()
    }
    assert len(properties) > 25
    assert [key for key, value in properties.items() if not value.get("description")] == []
    assert [owner for owner, one in objects.items() if not one.get("description")] == []


@pytest.mark.parametrize(
    "file",
    [
        *sorted((PROJECT / "schemas").glob("pipelines/*.yaml")),
        *sorted((PROJECT / "schemas").glob("models/*.yaml")),
    ],
    ids=lambda file: file.stem,
)
def test_declaration_is_right_to_an_editor_when_it_is_right_to_headrace(file):
    schema = json.loads(editor_schemas()[f"{file.parent.name.removesuffix('s')}.schema.json"])
    declared = json.loads(json.dumps(yaml.safe_load(file.read_text()), default=str))
    assert [one.message for one in Draft202012Validator(schema).iter_errors(declared)] == []
