"""Files that are made to harm who opens them: refused by name, in bounded memory, and nothing is left."""

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace_jobs.sources.ingest import Intake, inspect
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SourceInvalid, SourceMissing
from tests.jobs.batches import HEADER, ROW, Batch, text

MEBIBYTE = 1024 * 1024
MOST_UNPACKED = 64 * MEBIBYTE
MOST_MEMORY = {"csv": 100 * MEBIBYTE, "parquet": 512 * MEBIBYTE}
"""Above what the same process takes for a file of one row; Arrow holds several batches of 64 MiB."""

ROOT = Path(__file__).parents[2]


def packed(head: bytes, part: bytes, mebibytes: int) -> bytes:
    """A beginning, and then one thing again and again, packed with gzip."""
    out = io.BytesIO()
    block = part * (MEBIBYTE // len(part))
    with gzip.GzipFile(fileobj=out, mode="wb") as file:
        file.write(head)
        for _ in range(mebibytes):
            file.write(block)
    return out.getvalue()


HEAD = f"{HEADER}\n".encode()

BOMBS = {
    "rows": (
        lambda: packed(HEAD, b"a,2024-05-01,1,1\n", 80),
        "unpacks to more than 67108864 bytes",
    ),
    "no_end": (lambda: packed(HEAD, b"a", 80), "a line is longer than 16777216 bytes"),
    "no_end_of_header": (lambda: packed(b"", b"a", 80), "a line is longer than 16777216 bytes"),
    "values": (
        lambda: packed(HEAD, b",", 15) + gzip.compress(b"\n"),
        "a line has more than 1000000",
    ),
    "columns": (
        lambda: packed(b"", b",", 15) + gzip.compress(b"\n"),
        "a line has more than 1000000",
    ),
    "quote": (lambda: packed(HEAD + b'"', b"a,b,c,d\n", 80), "a quote is opened and not closed"),
    "nothing": (lambda: packed(HEAD, b"\0", 80), "a line is longer than"),
    "twice": (lambda: gzip.compress(packed(HEAD, b"a,2024-05-01,1,1\n", 80)), "holds a NUL byte"),
}
"""What unpacks to far more than it is, by what is said of it."""


def checked(folder: Path, format: str, *names: str) -> list[dict[str, Any]]:
    """What a process says that checks the files, one after the other."""
    command = [
        sys.executable,
        "-m",
        "tests.jobs.inspected",
        str(folder / "landing"),
        str(folder / "copies"),
        format,
        *names,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def more_memory(found: dict[str, Any], good: dict[str, Any]) -> int:
    return 1024 * int(found["kilobytes"] - good["kilobytes"])


def landed(folder: Path, name: str, content: bytes) -> None:
    file = folder / "landing" / "readings" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_memory_and_disk_are_bounded_when_texts_unpack_without_measure(tmp_path: Path) -> None:
    names = {f"{name}.csv.gz": said for name, (_, said) in BOMBS.items()}
    for name, (make, _) in BOMBS.items():
        landed(tmp_path, f"{name}.csv.gz", make())
    landed(tmp_path, "good.csv", text(ROW).encode())
    good, *bad = checked(tmp_path, "csv", "good.csv", *names)
    assert good["error"] is None
    for (name, said), found in zip(names.items(), bad, strict=True):
        assert found["error"] == "SourceInvalid", name
        assert found["told"].startswith(f"readings/{name}"), found
        assert said in found["told"], found
        assert more_memory(found, good) < MOST_MEMORY["csv"], name
    sizes = [one.stat().st_size for one in (tmp_path / "copies").iterdir()]
    assert max(sizes) <= MOST_UNPACKED + MEBIBYTE


def stored(column: pa.Array, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"v": column}), out, **options)
    return out.getvalue()


def repeated(value: object, times: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.nulls(times, pa.int32()).fill_null(0), pa.array([value])
    )


def test_memory_is_bounded_when_parquet_unpacks_without_measure(tmp_path: Path) -> None:
    once = {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}
    bombs = {
        "few_long.parquet": stored(repeated("x" * 1_000_000, 1_500)),
        "many_short.parquet": stored(repeated(b"x" * 1_000, 1_500_000)),
        "same_beginning.parquet": stored(pa.array(["x" * 500_000] * 2_500), **once),
    }
    for name, content in bombs.items():
        assert len(content) < 2 * MEBIBYTE
        landed(tmp_path, name, content)
    landed(tmp_path, "good.parquet", stored(pa.array(["x"])))
    good, *bad = checked(tmp_path, "parquet", "good.parquet", *bombs)
    assert good["error"] is None
    for name, found in zip(bombs, bad, strict=True):
        assert found["error"] == "SourceInvalid", name
        assert found["told"].startswith(f"readings/{name}: unpacks to more than 1073741824 bytes")
        assert more_memory(found, good) < MOST_MEMORY["parquet"], name


def zipped(folder: Path) -> bytes:
    """Members that lead out of the folder that they are unpacked in."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in (f"{folder}/out.csv", "../../out.csv", "readings/one.csv"):
            archive.writestr(zipfile.ZipInfo(name), text(ROW))
    return out.getvalue()


def taped(folder: Path) -> bytes:
    """The same, and links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in (f"{folder}/out.csv", "../../out.csv"):
            member = tarfile.TarInfo(name)
            member.size = len(text(ROW))
            archive.addfile(member, io.BytesIO(text(ROW).encode()))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "../../out.csv"
        archive.addfile(link)
    return out.getvalue()


ARCHIVES: dict[str, Callable[[Path], bytes]] = {
    "zip": zipped,
    "tar": taped,
    "tar.gz": lambda folder: gzip.compress(taped(folder)),
    "tar.xz": lambda folder: lzma.compress(taped(folder)),
    "tar.bz2": lambda folder: bz2.compress(taped(folder)),
    "zip.gz": lambda folder: gzip.compress(zipped(folder)),
    "7z": lambda _: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(range(256)) * 20,
    "rar": lambda _: b"Rar!\x1a\x07\x01\x00" + bytes(range(256)) * 20,
}


@pytest.mark.parametrize("name", ["one.csv", "one.csv.gz", "one.parquet"])
@pytest.mark.parametrize("kind", ARCHIVES)
def test_archive_is_refused_and_never_unpacked_when_it_is_delivered_as_a_file(
    tmp_path: Path, kind: str, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    landed(tmp_path, name, ARCHIVES[kind](outside))
    before = everything(tmp_path)
    with pytest.raises(SourceInvalid) as caught:
        inspect(
            intake(tmp_path, "parquet" if name.endswith("parquet") else "csv"),
            str(tmp_path / "landing" / "readings" / name),
            0,
        )
    assert str(caught.value).startswith(f"readings/{name}")
    kept = {one for one in everything(tmp_path) if not one.startswith("copies")}
    assert kept == before


def intake(folder: Path, format: str) -> Intake:
    source = Source(files="readings/*", format=format)  # type: ignore[arg-type]
    return Intake(
        table="bronze.readings",
        source=source,
        landing=str(folder / "landing"),
        copies=str(folder / "copies"),
    )


def everything(folder: Path) -> set[str]:
    """Whatever lies below a folder, and in those above it that a member's name may lead to."""
    beside = {one.name for one in folder.parent.iterdir()}
    return {str(one.relative_to(folder)) for one in folder.rglob("*")} | beside


def test_nothing_is_staged_when_one_file_of_a_batch_unpacks_without_measure(batch: Batch) -> None:
    good = batch.deliver(text(ROW))
    bad = batch.deliver(BOMBS["rows"][0](), "two.csv.gz")
    before = everything(batch.folder)
    with pytest.raises(
        SourceInvalid, match=r"readings/two\.csv\.gz.*unpacks to more than 67108864"
    ):
        batch.load(good, bad)
    assert everything(batch.folder) == before


def test_link_is_not_followed_when_it_takes_the_place_of_what_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "one.csv").write_text(text(ROW))
    landed(tmp_path, "plain.csv", b"")
    inside = tmp_path / "landing" / "readings"
    (inside / "one.csv").symlink_to(secret / "one.csv")
    (inside.parent / "folder").symlink_to(secret, target_is_directory=True)
    # As it was judged a moment ago, when there was no link.
    monkeypatch.setattr(Path, "resolve", lambda path, strict=False: Path(os.path.abspath(path)))  # noqa: PTH100
    for uri, refused in (
        (inside / "one.csv", SourceInvalid),
        (inside.parent / "folder" / "one.csv", SourceMissing),
    ):
        with pytest.raises(refused):
            inspect(intake(tmp_path, "csv"), str(uri), 0)
    assert not (tmp_path / "copies").exists()
