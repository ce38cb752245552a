"""The form of a CSV file is judged the same wherever the blocks in which it is read end."""

import csv
import io
import random

import pytest

from headrace_jobs.sources import csv_form
from headrace_jobs.sources.csv_form import CsvForm, read_form
from headrace_jobs.sources.headers import columns_of
from headrace_schemas.declarations.contract import Column, Contract
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken, SourceInvalid

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
    [
        b"1,\xff,3\n",
        b"1,\0,3\n",
        b"1,2\r,3\n",
        b'1,"2\r\n",3\r4\n',
        b'1,"2"x,3\n',
        b"1,2,3\r\n",
        b'1,"2,3\n',
        b"1,2,3",
        b"\r\n",
    ],
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


def declared(**options: object) -> Source:
    return Source.model_validate({"files": "*", **options})


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ";"},
        {"delimiter": "\t", "quote": "'"},
        {"delimiter": "\u00a7"},
        {"quote": "\u00ab"},
        {"delimiter": " ", "comment": "#"},
        {"header": False},
        {"quote": "none", "delimiter": "|"},
    ],
)
def test_rows_of_a_dialect_are_those_of_pythons_reader(
    block_bytes: int, options: dict[str, object], end: str
) -> None:
    source = declared(**options)
    random_ = random.Random(block_bytes)
    quote = source.quote if source.is_quoted else None
    inner = [
        *"ab\u00e9#",
        f"x{source.delimiter}" if quote else "x",
        *(["\n", "\r\n", quote] if quote else []),
    ]
    rows = [
        ["".join(random_.choices(inner, k=random_.choice([1, 2]))) for _ in range(3)]
        for _ in range(200)
    ]
    file = io.StringIO(newline="")
    for row in rows:
        written = [quote + one.replace(quote, 2 * quote) + quote if quote else one for one in row]
        file.write(source.delimiter.join(written) + end)
        if source.comment and random_.random() < 0.1:
            file.write(f'# a "note{end}')
        if random_.random() < 0.1:
            file.write(end)
    content = file.getvalue()
    style = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    lines = io.StringIO(
        content if not source.comment else content.replace(f'# a "note{end}', ""), newline=""
    )
    expected = [tuple(row) for row in csv.reader(lines, delimiter=source.delimiter, **style) if row]

    form = read_form(io.BytesIO(content.encode()), "one.csv", source)

    assert form.header == expected[0]
    assert form.rows == len(expected) - source.header


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (b"a,b\r1,2\r", {}, "one.csv:1: lines end with CR alone"),
        (b"a,b\r1,2\n", {}, "one.csv:1: lines end with CR alone"),
        (b"\na,b\n1,2\n", {}, "one.csv:1: begins with a blank line. Declare .* `skip_lines`"),
        (b"a,b\n1,2", {}, "declare `last_line: any`"),
        (b"a,b\n1,\xe9\n", {}, "one.csv:2: byte 3 .* declare its `encoding`"),
        (b"a,b\n1,\0\n", {}, "one.csv:2: holds a NUL byte.*declare its `encoding`"),
        (b'a,b\n1,"x"y\n', {}, "if values are never quoted, declare `quote: none`"),
        (b"a,b\n1,'x'y\n", {"quote": "'"}, "Write a quote in a value as ''"),
        (b"#x\n", {"comment": "#"}, "has no header"),
        (b"#x\na,b\n#y\r\n", {"comment": "#"}, "one.csv:3: lines end in two ways"),
        (b"", {"header": False}, "is empty"),
        (b'x\n1,"2\n', {"skip_lines": 3}, "one.csv:5: a quote is opened"),
    ],
)
def test_message_names_the_option_when_a_form_can_be_declared(
    content: bytes, options: dict[str, object], says: str
) -> None:
    with pytest.raises(SourceInvalid, match=says):
        read_form(io.BytesIO(content), "one.csv", declared(**options))


def test_quoted_header_is_read_when_it_holds_line_ends() -> None:
    form = read_form(io.BytesIO(b'"a\nb","c""d"\n1,2\n'), "one.csv")
    assert form == CsvForm(header=("a\nb", 'c"d'), rows=1)


@pytest.mark.parametrize("quote", ["", '"'])
def test_form_says_so_when_a_line_has_more_values_than_spark_has_room_for(quote: str) -> None:
    narrow = ",".join([f"{quote}1{quote}"] * 5000) + "\n"
    wide = ",".join([f"{quote}{quote}"] * 20_481) + "\n"
    assert not read_form(io.BytesIO(("a,b\n" + 9 * narrow).encode()), "one.csv").is_wide
    assert read_form(io.BytesIO(("a,b\n" + 9 * narrow + wide).encode()), "one.csv").is_wide


CONTRACT = Contract(
    name="bronze.one",
    version="1",
    columns=(Column(name="a", type="INT"), Column(name="b", type="INT")),
)


@pytest.mark.parametrize(
    ("header", "options", "columns"),
    [
        (["a", "b"], {}, ("a", "b")),
        (["", "a", "b", " "], {"unnamed_columns": "drop"}, ("", "a", "b", "")),
        (["1", "2"], {"header": False}, ("a", "b")),
        (["1", "2", "3"], {"header": False}, ("a", "b")),  # each such row is marked
        (["a", "c"], {}, ("a", "c")),  # judged by the contract's evolution
    ],
)
def test_columns_are_named_when_the_header_is_as_declared(
    header: list[str], options: dict[str, object], columns: tuple[str, ...]
) -> None:
    assert columns_of(declared(**options), CONTRACT, "one.csv", header) == columns


@pytest.mark.parametrize(
    ("header", "options", "says"),
    [
        (["", "a", "b"], {}, "without a name: number 1. .*`unnamed_columns: drop`"),
        ([" a", "b "], {}, "blanks around them: ' a', 'b '. .*`trim_header: true`"),
        (["a", "b", "b"], {}, "a column twice: b. .*`header: false` and `skip_lines: 1`"),
        (["a;b"], {}, r"one.csv:1: its values are not parted by ','. Declare `delimiter: \";\"`"),
        (["A", "B"], {"header": False}, "begins with a header. Declare `header: true`"),
        (["17", "Jane"], {}, "one.csv:1: its first line names no column .*`header: false`"),
        (["17", "17"], {"skip_lines": 2}, "one.csv:3: its first line names no column"),
    ],
)
def test_header_is_refused_with_the_option_that_would_help(
    header: list[str], options: dict[str, object], says: str
) -> None:
    with pytest.raises((SchemaBroken, SourceInvalid), match=says) as refused:
        columns_of(declared(**options), CONTRACT, "one.csv", header)
    assert not {"17", "Jane"} & set(str(refused.value).split())  # they may be somebody's
