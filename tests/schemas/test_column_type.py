"""Types of columns are read as Spark's DDL, and what is none is named."""

import pytest

from headrace_schemas.types import SYNONYMS, TYPES, ColumnType, TypeInvalid


@pytest.mark.parametrize(
    ("text", "ddl"),
    [
        ("string", "STRING"),
        (" Double ", "DOUBLE"),
        ("timestamp_ntz", "TIMESTAMP_NTZ"),
        ("DECIMAL", "DECIMAL(10,0)"),
        ("decimal(5)", "DECIMAL(5,0)"),
        ("numeric( 38 , 38 )", "DECIMAL(38,38)"),
        ("VARCHAR(3)", "VARCHAR(3)"),
        ("character(2)", "CHAR(2)"),
        ("ARRAY < INT >", "ARRAY<INT>"),
        ("array<array<long>>", "ARRAY<ARRAY<BIGINT>>"),
        ("MAP<STRING, ARRAY<DATE>>", "MAP<STRING,ARRAY<DATE>>"),
        ("STRUCT<lat: DOUBLE, Lon: DOUBLE>", "STRUCT<lat:DOUBLE,Lon:DOUBLE>"),
        ("STRUCT<a INT COMMENT 'it''s', b: STRING>", "STRUCT<a:INT,b:STRING>"),
        ("STRUCT<`wind speed`: DOUBLE, `a``b`: INT>", "STRUCT<`wind speed`:DOUBLE,`a``b`:INT>"),
    ],
)
def test_type_has_one_spelling_when_it_is_read(text, ddl):
    found = ColumnType.parse(text)
    assert found.ddl == ddl
    assert ColumnType.parse(found.ddl) == found


SPELT = {"": "", "(p,s)": "(3,1)", "(n)": "(3)", "<type>": "<INT>"}
SPELT |= {"<type, type>": "<INT,INT>", "<name: type, ...>": "<a:INT>"}


@pytest.mark.parametrize("stem", TYPES)
def test_type_is_read_as_messages_say_it_is_written(stem):
    arguments = TYPES[stem].arguments
    text = f"{stem}{SPELT[arguments]}"
    assert ColumnType.parse(text).ddl == text
    if arguments not in ("", "(p,s)"):
        with pytest.raises(TypeInvalid):
            ColumnType.parse(stem)


@pytest.mark.parametrize(("text", "stem"), SYNONYMS.items())
def test_type_has_one_name_when_spark_knows_several(text, stem):
    given = f"{text}(2)" if stem == "CHAR" else text
    assert ColumnType.parse(given).stem == ColumnType.parse(given.lower()).stem == stem


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'nothing' is not a type"),
        ("DUBLE", "'DUBLE' is not a type; use BOOLEAN"),
        ("VARCHAR2(10)", "'VARCHAR2' is not a type"),
        ("VARCHAR", "'(' is expected"),
        ("VARCHAR(0)", "holds nothing"),
        ("VARCHAR(-1)", "whole number"),
        ("DECIMAL(40,2)", "1 to 38 digits"),
        ("DECIMAL(2,3)", "1 to 38 digits"),
        ("DECIMAL(0)", "1 to 38 digits"),
        ("DECIMAL(a)", "whole number"),
        ("DECIMAL(10,2", "')' is expected"),
        ("INT(10)", "'(' follows the type INT"),
        ("INT NOT NULL", "'NOT' follows the type INT"),
        ("ARRAY", "'<' is expected"),
        ("ARRAY<>", "'>' is not a type"),
        ("ARRAY<INT", "'>' is expected"),
        ("MAP<INT>", "',' is expected"),
        ("MAP<MAP<INT,INT>,INT>", "key of a MAP"),
        ("STRUCT<a: INT", "is expected in STRUCT"),
        ("STRUCT<a: INT, A: INT>", "a field twice: a"),
        ("STRUCT<a: INT NOT NULL>", "say it by a rule"),
        ("STRUCT<>", "needs a field's name"),
        ("STRUCT<: INT>", "needs a field's name"),
        ("INTERVAL", "not a type"),
        ("VOID", "not a type"),
        ("VARIANT", "not a type"),
        ("ARRAY<" * 40 + "INT" + ">" * 40, "32 levels"),
        ("STRING;", "';' follows the type STRING"),
    ],
)
def test_type_is_refused_when_it_is_none(text, says):
    with pytest.raises(TypeInvalid) as refused:
        ColumnType.parse(text)
    assert says in str(refused.value)
