"""What the SQL of rules may look at."""

import subprocess
import sys

import pytest

from headrace_schemas.rules.rule import query_rule
from headrace_schemas.rules.sql import predicate_problem, query_problem
from headrace_schemas.rules.sql_text import SqlUnreadable

COLUMNS = ("a", "b", "c", "v", "tags", "pos", "s", "user")

PREDICATES = [
    "a > 1",
    "v LIKE '%  %'",
    "NOT a RLIKE '^x{3}$'",
    "a IN (1, 2) AND b NOT IN ('x')",
    "pos.lat > 1",
    "exists(tags, x -> x > 1)",
    "tags[0] = 'x'",
    "A BETWEEN 1 AND 2",
    "`a` IS NULL -- note",
    "/* note */ a > 1 OR /* b */ b < 2",
    "CASE WHEN a > 1 THEN b = 2 ELSE FALSE END",
    "datediff(day, a, b) > 3",
    "cast(a as decimal(10,2)) > 1.5",
    "a::int > 1",
    "timestampdiff(HOUR, a, b) > 2",
    "a <=> b",
    "extract(year from a) > 2000",
    "trim(both ' ' from s) <> s",
    "s ILIKE 'x%'",
    "s LIKE ANY ('a%', 'b%')",
    "a > current_date()",
    "a > current_timestamp",
    "interval 1 day + a > b",
    "map('x', 1)['x'] = a",
    's = "x"',
    "a IS DISTINCT FROM b",
    "size(filter(tags, t -> t is null)) > 0",
    "user = 'x'",
    "`a` NOT IN (DATE '2020-01-01', TIMESTAMP '2020-01-01 00:00:00Z')",
    "a > 1e-07",
    "a = TIMESTAMP_NTZ '2020-01-01 00:00:00'",
    "s RLIKE r'\\d+'",
    "s = 'it''s'",
    "a % 2 = 0",
    "CASE WHEN (a > 1\n) THEN (b > 2\n) ELSE FALSE END",
    "position('x' in s) > 0",
    "s LIKE '10#%' ESCAPE '#'",
    "aggregate(tags, 0, (acc, x) -> acc + x) > 1",
    "s = ';'",
    "named_struct('x', a).x > 1",
    "s = '${env:HOME} {batch} :x ? -- /*'",
    "`a``b` > 1 OR a > 1",
]

QUERIES = [
    "SELECT count(*) FROM {table}",
    "SELECT DAY(LAST_DAY(MAX(a))) - COUNT(DISTINCT DATE(b)) FROM {table};",
    "WITH x AS (SELECT a, count(*) n FROM {table} GROUP BY a), y AS (SELECT max(n) m FROM x) SELECT m FROM y",
    "SELECT count(*) FROM (SELECT a, row_number() OVER (PARTITION BY a ORDER BY b) r FROM {object}) WHERE r > 1",
    "SELECT count(*) FROM {batch} t JOIN {batch} u ON t.a = u.b",
    "SELECT count(*) FROM ${table} WHERE a NOT IN (SELECT b FROM {table})",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM {table}",
    "SELECT count(*) FILTER (WHERE a > 1) FROM {table} -- the end",
    "SELECT count(*) FROM (SELECT explode(tags) AS tag FROM {table}) WHERE tag = ''",
    "SELECT max(n) FROM (SELECT count(*) AS n FROM {table} GROUP BY ROLLUP(a, b))",
    "SELECT count(*) FROM (SELECT a FROM {table} UNION ALL SELECT b FROM {table})",
    "WITH x(p, q) AS (SELECT a, b FROM {table}) SELECT max(p) FROM x",
    "SELECT (SELECT max(a) FROM {table}) - (SELECT min(a) FROM {table})",
    "SELECT count(*) FROM {table} t WHERE EXISTS (SELECT 1 FROM {table} u WHERE u.a = t.b)",
    "SELECT count(*) FROM (VALUES (1), (2)) AS t(x)",
    "SELECT count(*) FROM {table} LEFT ANTI JOIN (SELECT a AS k FROM {table}) o ON b = o.k",
]


@pytest.mark.parametrize("text", PREDICATES)
def test_predicate_is_taken_when_it_is_about_one_row(text):
    assert predicate_problem(text, (*COLUMNS, "a`b")) is None


@pytest.mark.parametrize("query", QUERIES)
def test_query_is_taken_when_it_asks_the_batch(query):
    text = query_rule(query.rstrip(";"), "value > 1").kwargs["unexpected_rows_query"]
    assert query_problem(text, COLUMNS) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a > (SELECT max(b) FROM x)", "looks at other rows"),
        ("a IN (SELECT 1)", "a query of its own"),
        ("exists (select 1)", "a query of its own"),
        ("sum(a) > 1", "looks at other rows"),
        ("row_number() over (order by a) > 1", "looks at other rows"),
        ("explode(tags) > 1", "looks at other rows"),
        ("rand() > 0.5", "answers otherwise each time"),
        ("uuid() = s", "answers otherwise each time"),
        ("nothing > 1", "column nothing is not in the contract"),
        ("x.a > 1", "column x is not in the contract"),
        ("a > 1; drop table x", "one statement"),
        ("a > 1) OR (b > 1", "closes nothing"),
        ("a > 1 ORDER BY b", "cannot be read"),
        ("a >", "cannot be read"),
        ("a = 'x", "does not close"),
        ("", "says nothing"),
        ("reflect('java.lang.System', 'getenv', 'HOME') = 'x'", "any Java method"),
        ("`reflect`('java.lang.System', 'getenv', 'HOME') = 'x'", "any Java method"),
        ("system.builtin.length(s) > 1", "another schema"),
        ("current_user = 'x'", "tells of the server"),
        ("input_file_name() = 'x'", "tells of files"),
        ("my_udf(a) > 1", "not one of Spark's"),
        ("ai_query('x') = a", "not one of Spark's"),
        ("a > :x", "no sign"),
        ("a > ?", "no sign"),
        ("a > ${x}", "no sign"),
        ("a = @@x", "no sign"),
        ("a RLIKE '('", "no regular expression"),
        ("/* /* */ a */ > 1", "comment"),
        ("a > 1 -- x \\\n or true", "comment"),
        ("a > 1 /*+ x */", "comment"),
        ("a > " + "(" * 2000 + "1" + ")" * 2000, "nested too deeply"),
        ("a > 1 " * 5000, "longer than"),
    ],
)
def test_predicate_is_refused_when_it_looks_at_more_than_its_row(text, problem):
    assert problem in str(predicate_problem(text, COLUMNS))


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT count(*) FROM text.`/etc/passwd`", "a rule sees its batch"),
        ("SELECT count(*) FROM `delta`.`s3://other/lake`", "a rule sees its batch"),
        ("SELECT count(*) FROM other", "a rule sees its batch"),
        ("SELECT count(*) FROM a.b.c", "a rule sees its batch"),
        ("SELECT count(*) FROM {table}, secret s", "a rule sees its batch"),
        ("SELECT count(*) FROM range(10)", "a rule sees its batch"),
        ("SELECT count(*) FROM IDENTIFIER('x')", "a rule sees its batch"),
        (
            "SELECT count(*) FROM {table} WHERE a IN (SELECT value FROM text.`/x`)",
            "a rule sees its batch",
        ),
        ("WITH t AS (SELECT * FROM t) SELECT count(*) FROM t", "a rule sees its batch"),
        ("SELECT count(*) FROM (WITH s AS (SELECT 1 AS k) SELECT k FROM s), s", "WITH inside"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n) SELECT max(n) FROM r", "RECURSIVE"),
        ("WITH _headrace_batch AS (SELECT 1 AS a) SELECT max(a) FROM {table}", "twice"),
        ("SELECT max(nothing) FROM {table}", "column nothing"),
        ("SELECT TRANSFORM(a) USING 'cat' FROM {table}", "runs a program"),
        ("SELECT MAP a USING 'cat' FROM {table}", "cannot be read"),
        ("SELECT count(*) FROM {table} TABLESAMPLE (5 ROWS)", "TABLESAMPLE"),
        ("SELECT /*+ BROADCAST(t) */ count(*) FROM {table}", "hint"),
        ("SELECT count(*) FROM {table} VERSION AS OF 3", "time travel"),
        ("SELECT 1 FROM {table} LATERAL VIEW explode(tags) x AS y", "LATERAL"),
        ("SELECT reflect('java.lang.System', 'getenv', 'HOME')", "any Java method"),
        ("SELECT current_user()", "tells of the server"),
        ("SELECT user_name()", "not one of Spark's"),
        ("SELECT a, b FROM {table}", "selects 2 values"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("DROP TABLE x", "no query"),
        ("SET x = 1", "no query"),
        ("SHOW TABLES", "no query"),
        ("INSERT INTO x SELECT 1", "no query"),
        ("EXECUTE IMMEDIATE 'SELECT 1'", "no query"),
        ("SELECT count(*) FROM {table}) SELECT (1", "closes nothing"),
        ("SELECT ( FROM {table}", "does not close"),
        ("SELECT count(*) FROM {table} /* ", "cannot be read"),
    ],
)
def test_query_is_refused_when_it_looks_beyond_the_batch(query, problem):
    text = query_rule(query, "value > 1").kwargs["unexpected_rows_query"]
    assert problem in str(query_problem(text, COLUMNS))


def test_query_is_refused_when_a_placeholder_stands_for_nothing():
    with pytest.raises(SqlUnreadable, match="stands for nothing"):
        query_rule("SELECT count(*) FROM {other}", "value > 1")


def test_condition_is_read_apart_when_a_text_looks_like_the_end_of_the_query():
    text = query_rule("SELECT max(a) FROM {table}", "value = '\\n) SELECT'").kwargs
    assert query_problem(text["unexpected_rows_query"], COLUMNS) is None


def test_contracts_are_loaded_without_the_parser_of_sql():
    code = "import sys, headrace_schemas.declarations.contract; assert 'sqlglot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
