"""What a source declares of its files' form is read so, to the letter; other values are marked."""

import csv
import io
import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken, SourceInvalid
from headrace_schemas.wire.table_jobs import LoadReport
from tests.jobs.batches import Batch, contract

pytestmark = pytest.mark.spark


def columns(**types: str) -> str:
    """A contract's properties."""
    lines = [
        f"- {{name: {name}, logicalType: string, physicalType: '{type}'}}"
        for name, type in types.items()
    ]
    return "\n".join(lines)


def batch_of(spark: SparkSession, folder: Path, properties: str, **source: object) -> Batch:
    ending = source.get("format", "csv")
    declared = Source.model_validate({"files": f"readings/*.{ending}", **source})
    return Batch(spark, folder, contract(folder, properties), source=declared)


def values(batch: Batch, *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in batch.staged_rows()]


GERMAN = """\
Bericht "Stromz\u00e4hler";;
# Stand: heute; "offen
ort;gelesen;kilowatt;preis;zweite;bem;aktiv
K\u00f6ln \u20ac;05.01.2020 13:45;1.234,5;0,10;7;"a;b";ja
"Aach""en";31.12.1999 00:00;-0,25;1.000.000,01;7,0;"zwei
#Zeilen";nein
# noch eine
\u00c5rhus;01.02.2021 00:01;1e3;5;1.000;;ja"""

GERMAN_BAD = """
x;2020-01-05 13:45;1;1;1;;ja
x;05.01.20 13:45;1;1;1;;ja
x;32.01.2020 13:45;1;1;1;;ja
x;05.01.2020 13:45;1.5;1;1;;ja
x;05.01.2020 13:45;1,5,5;1;1;;ja
x;05.01.2020 13:45;12.34;1;1;;ja
x;05.01.2020 13:45;1;0,101;1;;ja
x;05.01.2020 13:45;1;1;7,5;;ja
x;05.01.2020 13:45;1;1;0.007;;ja
x;05.01.2020 13:45;1;1;1;;true
x;05.01.2020 13:45;1;1"""


def test_file_of_another_country_is_read_when_its_form_is_declared(
    engine: SparkSession, tmp_path: Path
) -> None:
    types = columns(
        ort="STRING",
        gelesen="TIMESTAMP",
        kilowatt="DOUBLE",
        preis="DECIMAL(12,2)",
        zweite="INT",
        bem="STRING",
        aktiv="BOOLEAN",
    )
    batch = batch_of(
        engine,
        tmp_path,
        types,
        delimiter=";",
        encoding="windows-1252",
        decimal=",",
        thousands=".",
        timestamp_format="dd.MM.yyyy HH:mm",
        true_values=["ja"],
        false_values=["nein"],
        skip_lines=1,
        comment="#",
        last_line="any",
    )
    text = (GERMAN + GERMAN_BAD).replace("\n", "\r\n")

    batch.load(batch.deliver(text.encode("cp1252")))

    rows = batch.staged_rows()
    good, bad = rows[:3], rows[3:]
    assert [list(row.values())[:7] for row in good] == [
        ["K\u00f6ln \u20ac", datetime(2020, 1, 5, 13, 45), 1234.5, Decimal("0.10"), 7, "a;b", True],
        [
            'Aach"en',
            datetime(1999, 12, 31),
            -0.25,
            Decimal("1000000.01"),
            7,
            "zwei\r\n#Zeilen",
            False,
        ],
        ["\u00c5rhus", datetime(2021, 2, 1, 0, 1), 1000.0, Decimal("5.00"), 1000, None, True],
    ]
    assert [row["_load_failures"] for row in good] == [[], [], []]
    assert [row["_load_failures"] for row in bad] == [
        ["gelesen.type"],
        ["gelesen.type"],
        ["gelesen.type"],
        ["kilowatt.type"],
        ["kilowatt.type"],
        ["kilowatt.type"],
        ["preis.type"],
        ["zweite.type"],
        ["zweite.type"],
        ["aktiv.type"],
        ["row.malformed"],
    ]
    # What is kept of a bad row is what was delivered.
    assert [json.loads(str(row["_raw"]))["gelesen"] for row in bad[:3]] == [
        "2020-01-05 13:45",
        "05.01.20 13:45",
        "32.01.2020 13:45",
    ]
    assert bad[-1]["_raw"] == "x;05.01.2020 13:45;1;1"


DIALECTS = {
    "crlf, with line ends of all kinds in quotes": {"end": "\r\n"},
    "tab and apostrophe, without header": {"delimiter": "\t", "quote": "'", "header": False},
    "blanks, as utf-16": {"delimiter": " ", "encoding": "utf-16", "end": "\r\n"},
    "a sign of two bytes, with notes": {"delimiter": "\u00a7", "comment": "#"},
    "never quoted": {"delimiter": "\x1f", "quote": "none", "encoding": "gb18030"},
}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_text_comes_back_when_python_wrote_it(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    declared = dict(DIALECTS[name])
    end, quote = str(declared.pop("end", "\n")), str(declared.get("quote", '"'))
    source = Source.model_validate({"files": "readings/*.csv", "null_values": ["NULL"], **declared})
    signs = [*"aZ9,;|\t \"'#\\`\u00e9\u4e2d", source.delimiter]
    if quote != "none":
        signs += ["\n", "\r", "\r\n", "\\n", '""']
    else:
        signs.remove(source.delimiter)
    random_ = random.Random(name)
    made = [
        ["".join(random_.choices(signs, k=random_.choice([0, 1, 2, 9]))) for _ in "abc"]
        for _ in range(400)
    ]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=source.delimiter, quotechar=quote[0], lineterminator=end)
    if source.header:
        file.write(source.delimiter.join("abc") + end)
    for row in made:
        if not source.is_quoted:
            file.write(source.delimiter.join(row) + end)
        elif random_.random() < 0.5 or any("\r" in one for one in row):
            doubled = [quote + one.replace(quote, quote * 2) + quote for one in row]
            file.write(source.delimiter.join(doubled) + end)
        elif source.comment and row[0].startswith(source.comment):
            file.write("# a note" + end)
            row.clear()
        else:
            writer.writerow(row)
        if random_.random() < 0.05:
            file.write(end)
    batch = batch_of(spark, tmp_path, columns(a="STRING", b="STRING", c="STRING"))
    batch.build = batch.build.model_copy(update={"source": source})

    batch.load(batch.deliver(file.getvalue().encode(source.encoding)))

    expected = [tuple(row) for row in made if row]
    assert values(batch, "a", "b", "c") == expected
    assert all(row["_load_failures"] == [] for row in batch.staged_rows())


NOON = datetime(2024, 5, 1, 12)
EPOCH = datetime(1970, 1, 1)

TIMES: list[tuple[str, str, datetime | date | None]] = [
    ("day", "05/01/2020", date(2020, 1, 5)),
    ("day", " 29/02/2024 ", date(2024, 2, 29)),
    ("day", "29/02/2023", None),
    ("day", "5/1/2020", None),
    ("day", "2020-01-05", None),
    ("day", "01/05/20", None),
    ("day", "05/01/2020 00:00", None),
    ("day", "05/01/12020", None),
    ("day", "00/01/2020", None),
    ("short", "5.1.24", date(2024, 1, 5)),
    ("short", "05.01.68", date(2068, 1, 5)),
    ("short", "5.1.69", None),
    ("short", "5.1.2024", None),
    ("either", "13/01/2020", datetime(2020, 1, 13)),
    ("either", "01/13/2020", datetime(2020, 1, 13)),
    ("either", "05/05/2020", datetime(2020, 5, 5)),
    ("either", "05/01/2020", None),
    ("month", "01-MAY-2024 12:00 PM", NOON),
    ("month", "01-May-2024 12:00 am", datetime(2024, 5, 1)),
    ("month", "01-Mai-2024 12:00 PM", None),
    ("month", "01-May-2024 13:00 PM", None),
    ("zoned", "2024-05-01T14:00:00.000000+02:00", NOON),
    ("zoned", "2024-05-01T12:00:00Z", NOON),
    ("zoned", "2024-05-01T12:00:00.123456000Z", NOON + timedelta(microseconds=123456)),
    ("zoned", "2024-05-01T12:00:00.123456789Z", None),
    ("zoned", "2024-05-01T12:00:00", None),
    ("local", "20240501120000", NOON),
    ("local", "20240501126000", None),
    ("local", "20240501240000", None),
    ("seconds", "1714564800", NOON),
    ("seconds", "1714564800.0", NOON),
    ("seconds", "1714564800.5", NOON + timedelta(seconds=0.5)),
    ("seconds", "1714564800.123456", NOON + timedelta(microseconds=123456)),
    ("seconds", "1.7145648e+09", NOON),
    ("seconds", "-1", EPOCH - timedelta(seconds=1)),
    ("seconds", "253402300799", datetime(9999, 12, 31, 23, 59, 59)),
    ("seconds", "1714564800.1234567", None),
    ("seconds", "253402300800", None),
    ("seconds", "1714564800123", None),
    ("seconds", "99999999999999999999999999", None),
    ("seconds", "2024-05-01", None),
    ("seconds", "1e99", None),
    ("seconds", "0x66323040", None),
    ("millis", "1714564800123", NOON + timedelta(milliseconds=123)),
    ("millis", "1714564800123.4565", None),
    ("micros", "1714564800123456", NOON + timedelta(microseconds=123456)),
    ("nanos", "1714564800123456000", NOON + timedelta(microseconds=123456)),
    ("nanos", "1.714564800123456e18", NOON + timedelta(microseconds=123456)),
    ("nanos", "1714564800123456789", None),
    ("dawn", "86400", date(1970, 1, 2)),
    ("dawn", "86401", None),
]
"""Column, text, and the time it is; None if the row is to be marked."""

TIME_COLUMNS = {
    "day": ("DATE", "dd/MM/yyyy"),
    "short": ("DATE", "d.M.yy"),
    "either": ("TIMESTAMP", ["dd/MM/yyyy", "MM/dd/yyyy"]),
    "month": ("TIMESTAMP", "dd-MMM-yyyy hh:mm a"),
    "zoned": ("TIMESTAMP", "yyyy-MM-dd'T'HH:mm:ss[.SSSSSSSSS]XXX"),
    "local": ("TIMESTAMP_NTZ", "yyyyMMddHHmmss"),
    "seconds": ("TIMESTAMP", "epoch_seconds"),
    "millis": ("TIMESTAMP", "epoch_milliseconds"),
    "micros": ("TIMESTAMP_NTZ", "epoch_microseconds"),
    "nanos": ("TIMESTAMP", "epoch_nanoseconds"),
    "dawn": ("DATE", "epoch_seconds"),
}


def test_times_are_read_by_the_declared_format_when_columns_have_their_own(
    spark: SparkSession, tmp_path: Path
) -> None:
    types = columns(**{name: type for name, (type, _) in TIME_COLUMNS.items()})
    own = {name: {"format": format} for name, (_, format) in TIME_COLUMNS.items()}
    batch = batch_of(spark, tmp_path, types, columns=own)
    lines = [
        ",".join(text if name == column else "" for name in TIME_COLUMNS)
        for column, text, _ in TIMES
    ]

    batch.load_rows(*lines, header=",".join(TIME_COLUMNS))

    rows = batch.staged_rows()
    found = [(name, text, row[name]) for (name, text, _), row in zip(TIMES, rows, strict=True)]
    assert found == TIMES
    marked = [[] if value is not None else [f"{name}.type"] for name, _, value in TIMES]
    assert [row["_load_failures"] for row in rows] == marked


def test_defaults_are_strict_when_nothing_is_declared(spark: SparkSession, tmp_path: Path) -> None:
    types = columns(at="TIMESTAMP", day="DATE", amount="DECIMAL(9,3)", share="DOUBLE", count="INT")
    batch = batch_of(spark, tmp_path, types)
    report = batch.load_rows(
        "2020-01-05T10:00:00Z,2020-01-05,1.5,1.5,7",
        '05/01/2020,05/01/2020,"1,5","1,5","1,000"',
        "1714564800,18000,1.234.5,1_000,1 000",
        "1714564801,20200105,1.2.3,x,y",
        header="at,day,amount,share,count",
    )
    whole, *others = batch.staged_rows()
    assert whole["_load_failures"] == []
    every = ["at.type", "day.type", "amount.type", "share.type", "count.type"]
    assert [row["_load_failures"] for row in others] == [every, every, every]
    assert report.notes == (
        "at: 2 of 3 values that were not read look as if the source lacked `timestamp_format`: "
        "`epoch_seconds`.",
        "count: 2 of 3 values that were not read look as if the source lacked `thousands`.",
    )


def test_numbers_and_texts_of_parquet_are_times_when_their_format_is_declared(
    spark: SparkSession, tmp_path: Path
) -> None:
    types = columns(
        at="TIMESTAMP",
        ended="TIMESTAMP",
        paid="TIMESTAMP",
        seen="TIMESTAMP_NTZ",
        day="DATE",
        written="TIMESTAMP",
    )
    batch = batch_of(
        spark,
        tmp_path,
        types,
        format="parquet",
        timestamp_format="epoch_milliseconds",
        date_format="yyyyMMdd",
        columns={"paid": {"format": "epoch_seconds"}, "seen": {"format": "epoch_nanoseconds"}},
    )
    table = pa.table(
        {
            "at": pa.array([1714557600123, -1, 2**62, None], pa.int64()),
            "ended": pa.array([1714557600123.0, 0.5, float("nan"), 1e300]),
            "paid": pa.array([Decimal("1714557600.123456"), Decimal("0.000001"), None, None]),
            "seen": pa.array([1714557600123456000, 1714557600123456001, None, -1000]),
            "day": pa.array(["20240501", "20240532", None, "0"]),
            "written": pa.array([datetime(2024, 5, 1, tzinfo=UTC)] * 4, pa.timestamp("us", "UTC")),
        }
    )
    file = batch.folder / "landing" / "readings" / "one.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(table, file)

    batch.load(str(file))

    first = datetime(2024, 5, 1, 10, 0, 0, 123000)
    exact = first.replace(microsecond=123456)
    milli = timedelta(milliseconds=1)
    written = datetime(2024, 5, 1)
    assert values(batch, "at", "ended", "paid", "seen", "day", "written") == [
        (first, first, exact, exact, date(2024, 5, 1), written),
        (EPOCH - milli, EPOCH + milli / 2, EPOCH + milli / 1000, None, None, written),
        (None, None, None, None, None, written),
        (None, None, None, EPOCH - milli / 1000, None, written),
    ]
    assert [row["_load_failures"] for row in batch.staged_rows()] == [
        [],
        ["seen.type", "day.type"],
        ["at.type", "ended.type"],
        ["ended.type", "day.type"],
    ]


def load(batch: Batch, content: str | bytes) -> LoadReport:
    return batch.load(batch.deliver(content))


def test_index_is_dropped_and_names_are_trimmed_when_declared(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = batch_of(
        spark, tmp_path, columns(a="INT", b="STRING"), unnamed_columns="drop", trim_header=True
    )
    load(batch, ', a ,"b ",\n0,1, x,\n1,2,y\n')
    assert values(batch, "a", "b") == [(1, " x"), (2, "y")]
    assert [row["_load_failures"] for row in batch.staged_rows()] == [[], ["row.malformed"]]
    assert batch.staged_rows()[1]["_raw"] == "1,2,y"


def test_columns_are_the_contracts_when_the_header_is_passed_over(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = batch_of(spark, tmp_path, columns(a="INT", b="INT"), header=False, skip_lines=1)
    load(batch, "a,a\n1,2\n\n3\n4,5,6\n7,8\n")
    assert values(batch, "a", "b", "_source_row") == [(1, 2, 1), (3, None, 2), (4, 5, 3), (7, 8, 4)]
    malformed = ["row.malformed"]
    assert [row["_load_failures"] for row in batch.staged_rows()] == [[], malformed, malformed, []]
    with pytest.raises(SourceInvalid, match=r"begins with a header\. Declare `header: true`"):
        load(batch, "x\nA, b\n1,2\n")
    with pytest.raises(SourceInvalid, match=r"one\.csv:4: a quote is opened"):
        load(batch, 'x\n1,2\n3,4\n"5,6\n')


def test_row_is_marked_when_it_has_more_values_than_sparks_reader_expects(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = batch_of(spark, tmp_path, columns(a="INT", b="INT"))
    load(batch, "a,b\n1,2\n" + "," * 30_000 + "\n3,4\n")
    assert [row["_load_failures"] for row in batch.staged_rows()] == [[], ["row.malformed"], []]


def test_source_is_refused_when_it_speaks_of_columns_that_cannot_be_so_written(
    spark: SparkSession, tmp_path: Path
) -> None:
    own = {"b": {"format": "epoch_seconds"}, "c": {"decimal": ","}}
    batch = batch_of(spark, tmp_path, columns(a="INT", b="INT"), columns=own)
    with pytest.raises(
        SchemaBroken, match=r"b\.format says nothing of INT.*c bronze.readings has no"
    ):
        load(batch, "a,b\n1,2\n")


def test_unended_line_loads_when_a_manifest_proves_the_file_whole(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = batch_of(spark, tmp_path, columns(a="INT", b="INT"))
    content = "a,b\n1,2\n3,45"
    file = batch.deliver(content)
    manifest = Path(f"{file}.manifest.json")
    manifest.write_text(json.dumps({"rows": 2}))  # as many rows are there if a digit is missing
    with pytest.raises(SourceInvalid, match=r"one\.csv:3: the last line .*`last_line: any`"):
        batch.load(file)
    manifest.write_text(json.dumps({"bytes": len(content)}))
    batch.load(file)
    assert values(batch, "a", "b") == [(1, 2), (3, 45)]
