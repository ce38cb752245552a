"""What a source can never mean is refused, and what people write for a form is understood."""

import pytest
from pydantic import ValidationError

from headrace_schemas.declarations.contract import Column, Contract
from headrace_schemas.declarations.source import Source, misfits
from headrace_schemas.declarations.time_format import has_offset, has_short_year

PATTERN = "timestamp_format"


def declared(**options: object) -> Source:
    return Source.model_validate({"files": "a/*.csv", **options})


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ";"},
        {"delimiter": "\\t"},
        {"delimiter": "tab"},
        {"delimiter": "\x01"},
        {"quote": "'"},
        {"quote": "none", "delimiter": "|"},
        {"comment": "#", "skip_lines": 3},
        {"encoding": "latin-1"},
        {"encoding": "Windows-1252"},
        {"encoding": "utf-16-le"},
        {"encoding": "shift_jis"},
        {"encoding": "utf-8-sig"},
        {"header": False},
        {"trim_header": True, "unnamed_columns": "drop"},
        {"last_line": "any"},
        {"decimal": ",", "thousands": "."},
        {"decimal": ",", "thousands": "\u202f"},
        {"decimal": ","},
        {"thousands": ","},  # values are quoted then
        {"true_values": ["Y", "1"], "false_values": ["N"]},
        {PATTERN: "dd/MM/yyyy HH:mm"},
        {PATTERN: ["d.M.yy", "epoch_seconds"]},
        {PATTERN: "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]"},
        {PATTERN: "yyyyMMddHHmmss"},
        {PATTERN: "MMM d, yyyy hh:mm:ss a"},
        {PATTERN: "yyyy-DDD"},
        {"date_format": "yyyy\u5e74M\u6708d\u65e5"},
        {"date_format": "dd 'of' MMMM yyyy"},
        {
            "columns": {
                "a": {"decimal": ",", "thousands": "."},
                "b": {"format": "epoch_nanoseconds"},
            }
        },
        {"format": "parquet", PATTERN: "epoch_milliseconds"},
    ],
)
def test_form_is_kept_when_it_travels_in_a_spec(options: dict[str, object]) -> None:
    source = declared(**options)
    assert Source.model_validate_json(source.model_dump_json()) == source


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"delimiter": ";;"}, 'one character in quotes, such as ";"'),
        ({"delimiter": None}, "one character in quotes"),
        ({"delimiter": ""}, "one character in quotes"),
        ({"delimiter": "a"}, "no letter, digit"),
        ({"delimiter": "\\"}, "backslash"),
        ({"delimiter": "\U0001f600"}, "one character"),
        ({"delimiter": '"'}, "`delimiter` and `quote` are both"),
        ({"delimiter": ";", "comment": ";"}, "`delimiter` and `comment` are both"),
        ({"quote": "nothing"}, "or none"),
        ({"quote": "#", "comment": "#"}, "`quote` and `comment` are both"),
        ({"quote": "none", "decimal": ","}, "cannot be told apart"),
        ({"comment": None}, 'such as "#"'),
        ({"encoding": "utf-9"}, "windows-1252"),
        ({"encoding": "rot13"}, "no such encoding"),
        ({"encoding": "unicode_escape"}, "no such encoding"),
        ({"encoding": "a\0b"}, "no such encoding"),
        ({"decimal": ";"}, '"." or ","'),
        ({"thousands": "x"}, 'or "" for none'),
        ({"decimal": ",", "thousands": ","}, "`decimal` and `thousands` are both ','"),
        ({"columns": {"a": {"thousands": "."}}}, "`decimal` and `thousands` are both '.'"),
        ({"columns": {"a": {"from": "x"}}}, "Extra inputs"),
        ({"true_values": [True], "false_values": ["N"]}, "write each value in quotes"),
        ({"true_values": ["Y"]}, "give `true_values` and `false_values` together"),
        ({"true_values": ["Y"], "false_values": ["Y"]}, "'Y' is among"),
        ({"skip_lines": -1}, "greater than or equal to 0"),
        ({"last_line": "maybe"}, "'complete' or 'any'"),
        ({"unnamed_columns": "keep"}, "'refuse' or 'drop'"),
        ({"header": False, "trim_header": True}, "there is none"),
        ({"format": "parquet", "delimiter": ";"}, "has no `delimiter`"),
        ({"format": "parquet", "null_values": ["NA"]}, "has no `null_values`"),
        ({"format": "parquet", "columns": {"a": {"thousands": "."}}}, "are both '.'"),
    ],
)
def test_form_is_refused_when_nothing_can_be_written_so(
    options: dict[str, object], says: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        declared(**options)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("dd/mm/yyyy", "does not give year, month and day"),
        ("MM/yyyy", "does not give year, month and day"),
        ("HH:mm", "does not give year, month and day"),
        ("", "does not give year, month and day"),
        ("dd/MM/YYYY", "'YYYY' is not read"),
        ("d/M/y", "'y' is not read"),
        ("uuuu-MM-dd", "'uuuu' is not read"),
        ("EEE, dd MMM yyyy", "'EEE' is not read"),
        ("%d/%m/%Y", "'Y' is not read"),
        ("DD/MM/yyyy", "gives the day twice"),
        ("yyyy-MM-dd hh:mm", "hh (1 to 12) with a"),
        ("yyyy-MM-dd HH:mm a", "the hour is HH"),
        ("yyyy-MM-dd mm:ss", "without hours"),
        ("yyyy-MM-dd HH:ss", "without minutes"),
        ("yyyy-MM-dd HH:mm.SSS", "without seconds"),
        ("yyyyMMddHHmmssSSS", "behind '.' or ',' only"),
        ("yyyy-MM-dd HH:mm:ss z", "'z' is not read"),
        ("yyyy-MM-dd HH:mm:ss VV", "'VV' is not read"),
        ("yyyy-MM-ddTHH:mm", "'T' is not read"),
        ("yyyy-MM-dd'T", "stands alone"),
        ("yyyy-MM-dd[ HH:mm", "'[' is not closed"),
        ("yyyy-MM-dd]", "stands alone"),
        ("yyyy-MM-dd yyyy", "a part of the time twice"),
        ("epoch_hours", "is not read"),
    ],
)
def test_pattern_is_refused_when_it_leaves_something_to_guess(pattern: str, says: str) -> None:
    for options in ({PATTERN: pattern}, {"columns": {"a": {"format": ["dd/MM/yyyy", pattern]}}}):
        with pytest.raises(ValidationError) as refused:
            declared(**options)
        assert says in str(refused.value)


def test_column_is_written_as_its_source_unless_it_says_else() -> None:
    own = {"a": {"decimal": "."}, "b": {"format": []}}
    source = declared(delimiter=";", decimal=",", date_format="d.M.yyyy", columns=own)
    assert source.form_of("a", "DOUBLE").decimal == "."
    assert source.form_of("c", "DOUBLE").decimal == ","
    assert source.form_of("c", "DATE").formats == ("d.M.yyyy",)
    assert source.form_of("c", "TIMESTAMP").formats == ()
    assert source.form_of("b", "DATE").formats == ()


def test_source_fits_its_contract_when_it_speaks_of_columns_that_can_be_so() -> None:
    types = {"at": "TIMESTAMP", "seen": "TIMESTAMP_NTZ", "price": "DECIMAL(9,2)", "on": "BOOLEAN"}
    contract = Contract(
        name="bronze.sales",
        version="1",
        columns=tuple(Column(name=name, type=type) for name, type in types.items()),
    )
    fit = {
        "at": {"format": "yyyy-MM-dd HH:mmXXX"},
        "seen": {"format": "epoch_seconds"},
        "price": {"decimal": ","},
        "on": {"true_values": ["x"], "false_values": ["-"]},
    }
    assert misfits(declared(columns=fit), contract) == []
    wrong = {
        "lost": {"decimal": ","},
        "at": {"decimal": ","},
        "price": {"format": "epoch_seconds"},
        "seen": {"format": "yyyy-MM-dd HH:mmXXX"},
        "on": {"thousands": ","},
    }
    assert [key for key, _ in misfits(declared(columns=wrong), contract)] == [
        "lost",
        "at.decimal",
        "price.format",
        "on.thousands",
        "seen.format",
    ]


def test_letters_in_quotes_are_no_part_of_the_time() -> None:
    assert not has_offset("yyyy-MM-dd'XXX'")
    assert not has_short_year("dd.MM.yyyy 'yy'")
    assert has_short_year("dd.MM.yy")
