"""What was checked of a delivered file is what is read, whatever it is called and whoever writes to it."""

import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from headrace_jobs.lake import files
from headrace_jobs.sources import copies
from headrace_jobs.sources.ingest import Intake, inspect
from headrace_jobs.tables import load
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SourceChanged, SourceInvalid, SourceMissing
from tests.jobs.batches import ROW, Batch, contract, text
from tests.object_store import ObjectStore

NAMES = [
    "one[1].csv",
    "one1.csv",
    "a:b.csv",
    "{}.csv",
    "back\\slash.csv",
    "what?.csv",
    "*.csv",
    "_one.csv",
    ".one.csv",
    "a b.csv",
    "%41.csv",
    "A.csv",
    "a.csv",
    "a+b.csv",
    "ü€.csv",
    "two\nlines.csv",
    "#1.csv",
    "'quoted\".csv",
    "no_ending",
    "-rf",
]

PACKED = {
    "upper.csv.GZ": gzip.compress,
    "named_plain.csv": gzip.compress,
    "padded.csv.gz": lambda content: gzip.compress(content) + bytes(1000),
    "members.csv.gz": lambda content: gzip.compress(content[:30]) + gzip.compress(content[30:]),
}


def intake(folder: Path, format: str = "csv", landing: str | None = None) -> Intake:
    source = Source(files="readings/*", format=format)
    root = str(folder / "landing") if landing is None else landing
    return Intake(
        table="bronze.readings", source=source, landing=root, copies=str(folder / "delivered")
    )


def landed(folder: Path, name: str = "one.csv", content: bytes = text(ROW).encode()) -> str:
    file = folder / "landing" / "readings" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return str(file)


@pytest.mark.spark
def test_each_file_is_read_once_under_its_own_name_when_names_look_like_patterns(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path), source=Source(files="readings/*"))
    asked, wanted = [], []
    for number, name in enumerate([*NAMES, *PACKED]):
        rows = [f"{number},2024-05-01,{row},{row}" for row in range(1, number % 3 + 2)]
        content = text(*rows).encode()
        asked.append(batch.deliver(PACKED.get(name, bytes)(content), name))
        wanted += [(f"readings/{name}", row, str(number)) for row in range(1, len(rows) + 1)]

    batch.load(*asked)

    rows = batch.staged_rows()
    found = [(row["_source_file"], row["_source_row"], row["meter"]) for row in rows]
    assert sorted(found) == sorted(wanted)
    assert not Path(copies.copies_of(batch.staged)).exists()


@pytest.mark.spark
def test_checked_bytes_are_read_when_the_file_is_exchanged_meanwhile(batch: Batch) -> None:
    file = Path(batch.deliver(text(ROW)))
    spec = batch.load_spec(str(file))
    deliveries = load.delivered_files(batch.spark, spec)
    file.write_text(text("other,2024-05-01,1,1", ROW))

    load.stage(batch.spark, spec, deliveries)

    assert [row["meter"] for row in batch.staged_rows()] == ["a"]


@pytest.mark.spark
@pytest.mark.parametrize("count", [1, 2, copies.OBSERVED_FILES + 1])
def test_batch_is_refused_when_a_file_has_other_rows_than_were_checked(
    batch: Batch, count: int
) -> None:
    asked = [batch.deliver(text(ROW, ROW), f"{number}.csv") for number in range(count)]
    spec = batch.load_spec(*asked)
    deliveries = load.delivered_files(batch.spark, spec)
    with Path(deliveries[-1].copy_uri).open("a") as copy:
        copy.write(f"{ROW}\n")

    with pytest.raises(SourceInvalid) as caught:
        load.stage(batch.spark, spec, deliveries)

    name = f"readings/{count - 1}.csv"
    assert str(caught.value).startswith(f"{name}: 3 rows are read of 2. ")


def test_counts_are_compared_file_by_file_when_their_sum_is_right(tmp_path: Path) -> None:
    one, two = (
        inspect(intake(tmp_path), landed(tmp_path, f"{name}.csv"), place)
        for place, name in enumerate("ab")
    )
    with pytest.raises(SourceInvalid, match=r"^readings/a\.csv: 2 rows are read of 1"):
        copies.check_counts([one, two], {"rows": 2, "file_0": 2, "file_1": 0}, None)  # type: ignore[arg-type]


def test_copies_are_gone_when_a_batch_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    good, bad = batch.deliver(text(ROW)), batch.deliver(text(ROW, '"a'), "two.csv")
    with pytest.raises(SourceInvalid):
        batch.load(good, bad)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["contracts", "landing"]


def test_link_is_refused_when_it_leads_out_of_the_landing_root(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "one.csv").write_text(text(ROW))
    inside = Path(landed(tmp_path)).parent
    (inside / "file.csv").symlink_to(secret / "one.csv")
    (inside.parent / "linked").symlink_to(secret, target_is_directory=True)
    (inside / "above.csv").symlink_to("../../secret/one.csv")
    for uri, name in (
        (inside / "file.csv", "readings/file.csv"),
        (inside / "above.csv", "readings/above.csv"),
        (inside.parent / "linked" / "one.csv", "linked/one.csv"),
        (secret / "one.csv", "secret/one.csv"),
    ):
        with pytest.raises(SourceInvalid) as caught:
            inspect(intake(tmp_path), str(uri), 0)
        assert str(caught.value).startswith(f"{name}: leads out of the landing root")
    assert not (tmp_path / "delivered").exists()


def test_manifest_is_refused_when_it_leads_out_of_the_landing_root(tmp_path: Path) -> None:
    file = landed(tmp_path)
    (tmp_path / "secret").write_text("{}")
    Path(f"{file}.manifest.json").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceInvalid, match=r"one\.csv\.manifest\.json: leads out of"):
        inspect(intake(tmp_path), file, 0)


def test_link_is_followed_when_it_stays_below_the_landing_root(tmp_path: Path) -> None:
    file = Path(landed(tmp_path))
    (file.parent / "latest").symlink_to("one.csv")
    root = tmp_path / "root"
    root.symlink_to(tmp_path / "landing", target_is_directory=True)
    found = inspect(intake(tmp_path, landing=str(root)), str(root / "readings" / "latest"), 0)
    assert (found.name, found.rows) == ("readings/latest", 1)
    found = inspect(intake(tmp_path, landing=root.as_uri()), (file.parent / "latest").as_uri(), 0)
    assert (found.name, found.rows) == ("readings/latest", 1)


def test_file_is_loaded_once_when_it_is_listed_twice(batch: Batch) -> None:
    file = batch.deliver(text(ROW))
    assert batch.load(file, file).metrics["files"] == 1
    (Path(file).parent / "other.csv").symlink_to("one.csv")
    with pytest.raises(SourceInvalid, match=r"other\.csv: is the same file as readings/one\.csv"):
        batch.load(file, str(Path(file).parent / "other.csv"))


def test_what_is_no_file_is_refused_and_never_opened(tmp_path: Path) -> None:
    inside = Path(landed(tmp_path)).parent
    (inside / "folder.csv").mkdir()
    os.mkfifo(inside / "pipe.csv")
    os.mkfifo(inside / "one.csv.manifest.json")
    (inside / "circle.csv").symlink_to("circle.csv")
    for name, said in (
        ("folder.csv", "folder.csv: is a folder, not a file. Let `source.files` name the files"),
        ("pipe.csv", "pipe.csv: is a pipe, not a file"),
        ("one.csv", "one.csv.manifest.json: is a pipe, not a file"),
        ("circle.csv", "circle.csv: cannot be opened"),
    ):
        with pytest.raises(SourceInvalid) as caught:
            inspect(intake(tmp_path), str(inside / name), 0)
        assert str(caught.value).startswith(f"readings/{said}")
    (inside / "gone.csv").symlink_to("nowhere.csv")
    for name in ("gone.csv", "never.csv", "pipe.csv/one.csv"):
        with pytest.raises(SourceMissing):
            inspect(intake(tmp_path), str(inside / name), 0)


@pytest.mark.parametrize("content", [text(ROW), text(ROW)[:-3]], ids=["whole", "cut"])
def test_load_is_tried_again_when_a_file_is_still_being_written(
    tmp_path: Path, content: str
) -> None:
    file = landed(tmp_path, content=content.encode())
    one = intake(tmp_path).landed(file)

    def read_while_it_grows() -> None:
        with one.opened() as (stream, _):
            Path(file).write_text(text(ROW, ROW))
            if not content.endswith("\n"):
                raise SourceInvalid(one.name, "the last line does not end", "")
            stream.read()

    with pytest.raises(SourceChanged) as caught:
        read_while_it_grows()
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04...", "one.csv: is a zip archive or an Excel file"),
        (b"PAR1....", "one.csv: is a Parquet file"),
        (gzip.compress(text(ROW).encode()) + b"more", "one.csv: is not a complete gzip file"),
        (",".join(map(str, range(10_001))).encode() + b"\n", "one.csv: has 10001 columns, more"),
    ],
    ids=["zip", "parquet", "trailing", "wide"],
)
def test_file_is_refused_when_it_is_something_else(
    tmp_path: Path, content: bytes, said: str
) -> None:
    with pytest.raises(SourceInvalid) as caught:
        inspect(intake(tmp_path), landed(tmp_path, content=content), 0)
    assert str(caught.value).startswith(f"readings/{said}")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('{"bytes": "12"}', '`bytes` is not a whole number: "12". Write it as in {"bytes": 12}'),
        ('{"rows": 1.0}', "`rows` is not a whole number: 1.0."),
        ('{"rows": true}', "`rows` is not a whole number: true."),
        ('{"sha256": 12}', "`sha256` is not a text of 64 hexadecimal digits"),
        ('{"sha256": "abc"}', "`sha256` is not a text of 64 hexadecimal digits"),
        ("[]", "is not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        (" " * 1_100_000 + "{}", "has more than 1048576 bytes"),
    ],
    ids=["bytes", "float", "flag", "number", "short", "list", "deep", "long"],
)
def test_manifest_is_refused_when_it_cannot_be_compared(
    tmp_path: Path, said: str, told: str
) -> None:
    file = landed(tmp_path)
    Path(f"{file}.manifest.json").write_text(said)
    with pytest.raises(SourceInvalid) as caught:
        inspect(intake(tmp_path), file, 0)
    assert str(caught.value).startswith(f"readings/one.csv.manifest.json: {told}")


def test_manifest_may_say_more_or_nothing_of_a_file(tmp_path: Path) -> None:
    file = landed(tmp_path)
    Path(f"{file}.manifest.json").write_text(json.dumps({"rows": None, "sender": "plant 7"}))
    assert inspect(intake(tmp_path), file, 0).rows == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket("lake")
        yield made


def test_odd_names_are_checked_and_copied_when_they_lie_in_an_object_store(
    server: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in server.environment().items():
        monkeypatch.setenv(key, value)
    given = Intake(
        table="bronze.readings",
        source=Source(files="readings/*"),
        landing="s3a://lake/landing",
        copies="s3a://lake/staging/job-1_delivered",
    )
    stored = io.BytesIO()
    pq.write_table(pa.table({"meter": ["a"]}), stored)
    source = Source(files="readings/*", format="parquet")
    for place, name in enumerate(NAMES):
        key, plain = f"landing/readings/{name}", text(f"{place},2024-05-01,1,1").encode()
        for one, content in (
            (given, plain),
            (given.model_copy(update={"source": source}), stored.getvalue()),
        ):
            server.client.put_object("lake", key, io.BytesIO(content), len(content))
            found = inspect(one, f"s3a://lake/{key}", place)
            assert (found.name, found.rows) == (f"readings/{name}", 1)
            with files.open_bytes(found.copy_uri) as copy:
                assert copy.read() == content
    with pytest.raises(SourceMissing):
        inspect(given, "s3a://lake/landing/readings/none.csv", 0)
    with pytest.raises(SourceInvalid, match=r"landing/readings: is a folder"):
        inspect(given, "s3a://lake/landing/readings", 0)
    with pytest.raises(SourceInvalid, match="does not lie below the landing root"):
        inspect(given, "s3a://lake/elsewhere/one.csv", 0)
    files.remove(given.copies)
    left = [
        one.object_name for one in server.client.list_objects("lake", "staging/", recursive=True)
    ]
    assert not [name for name in left if "/job-1_delivered/0" in name]
