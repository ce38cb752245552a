"""The form of a CSV file is judged the same wherever the blocks in which it is read end."""

import csv
import io
import random

import pytest

from headrace_jobs import csv_form
from headrace_jobs.csv_form import CsvForm, read_form
from headrace_schemas.errors import SourceInvalid

VALUES = ("", "1", "José", '"a, b"', '"a\nb"', '"a""b"', '"\r\n"', "x" * 40)


def judged(content: bytes) -> CsvForm | str:
    try:
        return read_form(io.BytesIO(content), "one.csv")
    except SourceInvalid as error:
        return str(error)


@pytest.fixture(params=[1, 7, 64, 1000])
def block_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(csv_form, "BLOCK_BYTES", request.param)
    return int(request.param)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_rows_are_those_of_pythons_reader(block_bytes: int, ending: str) -> None:
    random_ = random.Random(block_bytes)
    rows = [
        random_.choices(VALUES[: random_.choice([3, 8])], k=3) if random_.random() < 0.9 else []
        for _ in range(300)
    ]
    content = ending.join(["a,b,c", *(",".join(row) for row in rows), ""])
    expected = [row for row in csv.reader(io.StringIO(content, newline="")) if row]

    form = read_form(io.BytesIO(content.encode()), "one.csv")

    assert form == CsvForm(header=("a", "b", "c"), rows=len(expected) - 1, ending=ending)


@pytest.mark.parametrize(
    "damage",
    [b"1,\xff,3\n", b"1,\0,3\n", b'1,"2"x,3\n', b"1,2,3\r\n", b'1,"2,3\n', b"1,2,3", b"\r\n"],
)
@pytest.mark.parametrize("before", [b"", b"\n", b"1,2,3\n" * 50, b'1,"2\n2",3\n' * 9])
@pytest.mark.parametrize("after", [b"", b"1,2,3\n" * 50])
def test_damage_is_told_with_the_same_line(
    monkeypatch: pytest.MonkeyPatch, damage: bytes, before: bytes, after: bytes
) -> None:
    content = b"a,b,c\n" + before + damage + after
    found = set()
    for size in (1, 7, 64, 1_000_000):
        monkeypatch.setattr(csv_form, "BLOCK_BYTES", size)
        found.add(judged(content))
    assert len(found) == 1
    assert isinstance(found.pop(), str) or (damage, after) == (b"1,2,3", b"1,2,3\n" * 50)
