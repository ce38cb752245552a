"""A text is made UTF-8 strictly, wherever the pieces end in which it is read."""

import io

import pytest

from headrace_jobs.sources import delivered_text
from headrace_jobs.sources.csv_form import read_form
from headrace_jobs.sources.delivered_text import as_utf8
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SourceInvalid

TEXT = "a,b\nJos\u00e9,1\n\u00e9t\u00e9,2\n"
"""Of letters that all encodings below have."""


@pytest.fixture(params=[1, 3, 7, 1000])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(delivered_text, "CHUNK", request.param)
    return int(request.param)


def utf8(content: bytes, **options: object) -> bytes:
    source = Source.model_validate({"files": "*", **options})
    return as_utf8(io.BytesIO(content), source, "one.csv").read()


def refused(content: bytes, **options: object) -> str:
    with pytest.raises(SourceInvalid) as caught:
        utf8(content, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8"),
        ("latin-1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("iso-8859-15", "iso-8859-15"),
        ("cp437", "cp437"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("shift_jis_2004", "shift_jis_2004"),
        ("gb18030", "gb18030"),
    ],
)
def test_text_is_utf8_without_mark_when_it_was_written_otherwise(
    chunk: int, encoding: str, written: str
) -> None:
    assert utf8(TEXT.encode(written), encoding=encoding).decode() == TEXT
    marked = b"\xfe\xff" + TEXT.encode("utf-16-be")
    assert utf8(marked, encoding="utf-16").decode() == TEXT


@pytest.mark.parametrize(
    ("content", "encoding", "says"),
    [
        (TEXT.encode("latin-1") + b"\x81", "cp1252", "one.csv:4: holds bytes that are not cp1252"),
        (TEXT.encode("utf-16")[:-1], "utf-16", "one.csv:3: holds bytes that are not utf-16"),
        (TEXT.encode("utf-8"), "latin-1", "is UTF-8, not latin-1. Declare `encoding: utf-8`"),
        (TEXT.encode("utf-8"), "windows-1252", "is UTF-8, not windows-1252"),
        (TEXT.encode("utf-8-sig"), "latin-1", "begins with the mark of utf-8, not of latin-1"),
        (TEXT.encode("utf-16"), "latin-1", "Declare `encoding: utf-16`"),
        (TEXT.encode("utf-16-le"), "utf-16", "begins without the mark that utf-16 has"),
        (b"a,b\n\x80,1\n", "latin-1", "one.csv:2: holds control characters"),
        (b"a,b\n\x93x\x94,1\n", "iso-8859-15", "Declare `encoding: windows-1252`"),
        (b"a,b\n\xff,1\n", "ascii", "one.csv:2: holds bytes that are not ascii"),
    ],
)
def test_text_is_refused_when_it_is_of_another_encoding(
    chunk: int, content: bytes, encoding: str, says: str
) -> None:
    assert says in refused(content, encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_last_line_is_ended_as_the_first_when_declared(chunk: int, encoding: str, end: str) -> None:
    whole = f"a,b{end}1,2{end}3,4{end}".encode(encoding)
    sign = len("\n".encode(encoding))
    for cut in range(len(end) + 1):
        content = whole[: len(whole) - cut * sign]
        kept = utf8(content, encoding=encoding, last_line="any")
        assert kept == whole.decode(encoding).encode()
        assert utf8(content, encoding=encoding).decode() == content.decode(encoding)
    assert utf8(b"", last_line="any") == b""


def test_lines_are_passed_over_when_they_stand_before_the_header(chunk: int) -> None:
    content = b'\xef\xbb\xbfreport\n"of May\n' + TEXT.encode()
    assert utf8(content, skip_lines=2).decode() == TEXT
    assert utf8(content, skip_lines=9) == b""
    source = Source(files="*", skip_lines=2)
    with pytest.raises(SourceInvalid, match=r"one\.csv:6: a quote is opened"):
        read_form(as_utf8(io.BytesIO(content + b'"x,2\n'), source, "one.csv"), "one.csv", source)


def test_nothing_is_copied_when_the_text_is_utf8_and_whole() -> None:
    stream = io.BufferedReader(io.BytesIO(b"\xef\xbb\xbf" + TEXT.encode()))
    same = as_utf8(stream, Source(files="*"), "one.csv")
    assert same is stream
    assert same.read() == TEXT.encode()
