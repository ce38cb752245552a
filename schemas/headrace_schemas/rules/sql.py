"""What the SQL of rules may look at: their batch, by functions that look at nothing else.

A contract is read by people who did not write it and run by a server that can read files. So SQL is
parsed before it runs: one query, over the batch and what it defines itself, with functions of
Spark's own that give the same answer each time. What cannot be parsed, or is not known, is refused.

Bounded is what a rule sees, not how long it takes: that is for the job's time limit.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from headrace_schemas.rules.java_regex import pattern_problem
from headrace_schemas.rules.rule import END_OF_QUERY, RowRule, TableRule
from headrace_schemas.rules.spark_functions import OF_A_ROW, OF_MANY_ROWS, WHY_REFUSED, names
from headrace_schemas.rules.sql_text import SqlUnreadable, Token, code, filled, statement, tokens

if TYPE_CHECKING:
    from headrace_schemas.declarations.contract import Contract

Tree = Any
"""A node of sqlglot's: its classes are not imported, and known by their names."""

BATCH = "_headrace_batch"
"""How the batch is called in a query."""

LONGEST = 20_000

OWN = re.compile(
    r"`(?:[^`]|``)+` (?:IS (?:NOT )?NULL|[<>]=? -?[\d.]+(?: OR `(?:[^`]|``)+` [<>]=? -?[\d.]+)?)"
    r"|isnan\(`(?:[^`]|``)+`\) OR abs\(`(?:[^`]|``)+`\) = double\('Infinity'\)"
)
"""What Headrace writes itself most often: columns and numbers only."""

KEYWORDS = names(
    """
    all and any as between by case cross cube distinct else end except exists filter from full
    group grouping having ilike in inner intersect is join left like limit minus not of offset on
    or order outer over partition right rlike rollup select semi sets some then union using values
    when where window with within
    """
)
"""Words that stand before a parenthesis and call nothing."""

TYPES = frozenset({"decimal", "dec", "numeric", "char", "character", "varchar"})

SERVER_WORDS = names(
    "current_catalog current_database current_path current_schema current_user session_user user"
)
"""Functions that Spark calls without parentheses."""

UNITS = names(
    """
    microsecond microseconds millisecond milliseconds second seconds minute minutes hour hours day
    days dayofyear week weeks month months quarter quarters year years
    """
)
"""Units that functions of time take as a word."""

FORBIDDEN = {
    "Hint": "a hint",
    "IntoClause": "INTO",
    "Into": "INTO",
    "Lateral": "LATERAL; use explode in the select list, or the functions exists and filter",
    "MatchRecognize": "MATCH_RECOGNIZE",
    "Parameter": "a variable",
    "Pivot": "PIVOT",
    "Placeholder": "a parameter",
    "QueryTransform": "TRANSFORM ... USING, which runs a program",
    "SessionParameter": "a variable",
    "TableSample": "TABLESAMPLE, which answers otherwise each time",
    "Version": "time travel",
}
"""Parts of a query that look beyond the batch, or do more than ask."""

ODD_COMMENT = re.compile(r"/\*.*/\*|/\*\+|--[^\n]*\\$|--[^\n]*\\\n", re.DOTALL)
"""Comments that Spark and other readers do not end at the same place."""

CODE = re.compile(r"[\w\s()*+\-/%<>=!.,|&^~\[\]{};]|(?<=:):|:(?=:)", re.ASCII)
"""The signs of code, outside quotes."""


class SqlProblem(NamedTuple):
    """Why a rule cannot run: the rule's id and a sentence."""

    rule: str
    problem: str


def check_rule_sql(contract: "Contract") -> list[SqlProblem]:
    """The rules of a contract whose SQL cannot run, or looks at more than their batch."""
    rules: list[RowRule | TableRule] = [*contract.row_rules, *contract.table_rules]
    found = ((rule.id, rule_problem(rule, contract.column_names)) for rule in rules)
    return [SqlProblem(id, problem) for id, problem in found if problem]


def rule_problem(rule: RowRule | TableRule, columns: Sequence[str]) -> str | None:
    """Why a rule cannot run; None if its SQL is in order.

    Args:
        columns: Of the table.
    """
    columns = tuple(columns)
    if isinstance(rule, RowRule):
        predicates = [predicate for predicate in (rule.bad, rule.where) if predicate is not None]
        problems = (predicate_problem(predicate, columns) for predicate in predicates)
        return next((problem for problem in problems if problem), None)
    kwargs = rule.expectation.kwargs
    if condition := kwargs.get("row_condition"):
        return predicate_problem(str(condition), columns)
    if query := kwargs.get("unexpected_rows_query"):
        return query_problem(str(query), columns)
    return None


@lru_cache(maxsize=4096)
def predicate_problem(text: str, columns: tuple[str, ...]) -> str | None:
    """Why a predicate about a row cannot run; None if it is in order."""
    if OWN.fullmatch(text):
        return None
    try:
        check_text(text)
        check_predicate(text, columns)
    except SqlUnreadable as error:
        return str(error)
    return None


@lru_cache(maxsize=4096)
def query_problem(text: str, columns: tuple[str, ...]) -> str | None:
    """Why a query that measures a batch cannot run; None if it is in order."""
    start = "WITH measured(value) AS ("
    if not text.startswith(start) or END_OF_QUERY not in text:
        return "is no query that measures one value"
    query, _, condition = text.removeprefix(start).rpartition(END_OF_QUERY)
    try:
        query = filled(query, {"batch": BATCH})
        check_text(query)
        check_text(condition)
        check_query(query, columns)
        check_query(condition, ("value",), {"measured": 1})
    except SqlUnreadable as error:
        return str(error)
    return None


def check_text(text: str) -> None:
    """What no parser need be asked for."""
    if len(text) > LONGEST:
        raise SqlUnreadable(f"is longer than {LONGEST} characters")
    statement(text)
    if ";" in [token.text for token in code(text)]:
        raise SqlUnreadable("`;` ends it: give one statement")
    for token in tokens(text):
        if token.kind == "comment" and ODD_COMMENT.search(token.text):
            raise SqlUnreadable("has a comment in a comment, a hint, or \\ at the end of a comment")
        is_sign = token.kind in ("sign", "placeholder")
        if is_sign and not CODE.match(text, token.start):
            raise SqlUnreadable(f"{token.text} is no sign that a rule may use outside quotes")


def check_predicate(text: str, columns: tuple[str, ...]) -> None:
    """A predicate: of one row, its columns and functions of a row.

    Raises:
        SqlUnreadable: It is not.
    """
    tree = parsed(f"SELECT * FROM {BATCH} WHERE ({text}\n)")  # noqa: S608 - parsed, not run
    rest = {key for key, value in tree.args.items() if value}
    if type(tree).__name__ != "Select" or not rest <= {"expressions", "from", "from_", "where"}:
        raise SqlUnreadable("is no predicate")
    known = {column.lower() for column in columns}
    check_functions(text, OF_A_ROW, known, set())
    kinds = [type(node).__name__ for node in tree.walk()]
    if kinds.count("Select") > 1 or kinds.count("Table") > 1 or "Subquery" in kinds:
        raise SqlUnreadable("asks a query of its own; a predicate sees one row")
    if "Window" in kinds or "Star" in [type(node).__name__ for node in tree.args["where"].walk()]:
        raise SqlUnreadable("looks at other rows; a predicate sees one row")
    check_parts(tree)
    check_columns(tree, known)


def check_query(text: str, columns: tuple[str, ...], own: dict[str, int] | None = None) -> None:
    """A query of one value, over the batch and what it defines itself.

    Args:
        own: Tables that it may ask instead of the batch.

    Raises:
        SqlUnreadable: It is not.
    """
    tree = parsed(text)
    if type(tree).__name__ not in ("Select", "Union", "Except", "Intersect", "Subquery"):
        raise SqlUnreadable("is no query: it must begin with SELECT or WITH")
    check_parts(tree)
    defined = check_tables(tree, set(own or {BATCH}))
    called = {node.alias_or_name.lower() for node in of_kind(tree, "TableAlias", "Table", "CTE")}
    called |= {
        column.name.lower() for node in of_kind(tree, "TableAlias") for column in node.columns
    }
    known = {column.lower() for column in columns}
    check_functions(text, OF_A_ROW | OF_MANY_ROWS, known, defined | called)
    called |= {node.alias.lower() for node in of_kind(tree, "Alias")}
    called |= {
        node.name.lower()
        for node in of_kind(tree, "Identifier")
        if type(node.parent).__name__ in ("Aliases", "PropertyEQ", "Window")
    }
    check_columns(tree, called | known)
    selected = tree.selects
    if not own and len(selected) != 1 and type(tree).__name__ == "Select":
        raise SqlUnreadable(f"selects {len(selected)} values; give one")


def parsed(text: str) -> Tree:
    """The syntax tree of one statement.

    Raises:
        SqlUnreadable: It is none that is understood.
    """
    import sqlglot  # only here: it takes longer to import than all contracts to read
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what is refused here
    try:
        found = sqlglot.parse(text, read="spark")
    except SqlglotError as error:
        details = getattr(error, "errors", None)
        problem = details[0]["description"] if details else str(error).split("\n", 1)[0]
        near = details[0].get("highlight") if details else ""
        at = f" at {near}" if near else ""
        raise SqlUnreadable(f"cannot be read as Spark SQL: {problem.rstrip('.')}{at}") from error
    except RecursionError as error:
        raise SqlUnreadable("is nested too deeply") from error
    if len(found) != 1 or found[0] is None:
        raise SqlUnreadable("give one statement")
    return found[0]


def of_kind(tree: Tree, *kinds: str) -> Iterator[Tree]:
    """The nodes of some classes, by name: the import of sqlglot stays in one place."""
    return (node for node in tree.walk() if type(node).__name__ in kinds)


def check_parts(tree: Tree) -> None:
    """No part of a query that looks beyond it, and no pattern that Java cannot read."""
    for node in tree.walk():
        kind = type(node).__name__
        if what := FORBIDDEN.get(kind):
            raise SqlUnreadable(f"has {what}")
        if kind in ("Command", "Block", "Create", "Insert", "Set", "Use", "Describe", "Show"):
            raise SqlUnreadable("does more than ask")
        if kind == "RegexpLike":
            pattern = node.args.get("expression")
            is_text = type(pattern).__name__ == "Literal" and pattern.is_string
            if is_text and (problem := pattern_problem(pattern.this)):
                raise SqlUnreadable(f"{pattern.this!r} is no regular expression: {problem}")


def check_tables(tree: Tree, known: set[str]) -> set[str]:
    """Tables are the batch and those of a WITH at the beginning, each after its definition.

    Returns:
        The names that the query defines.
    """
    withs = list(of_kind(tree, "With"))
    own: set[str] = set()
    if withs:
        first = tree.args.get("with") or tree.args.get("with_")
        if len(withs) > 1 or withs[0] is not first:
            raise SqlUnreadable("has WITH inside; let it stand once, at the beginning")
        if first.args.get("recursive"):
            raise SqlUnreadable("has WITH RECURSIVE")
        for definition in first.expressions:
            check_asked(definition.this, known | own)
            name = definition.alias.lower()
            if name in known | own:
                raise SqlUnreadable(f"defines {definition.alias} twice")
            own.add(name)
    check_asked(tree, known | own, besides=withs)
    return own


def check_asked(tree: Tree, known: set[str], besides: Sequence[object] = ()) -> None:
    """Every table that is asked is a known one."""
    for node in tree.walk(prune=lambda inner: inner in besides if besides else False):
        if type(node).__name__ != "Table" or any(
            node.find_ancestor(type(excluded)) for excluded in besides
        ):
            continue
        is_name = type(node.this).__name__ == "Identifier"
        if not is_name or node.db or node.catalog or node.name.lower() not in known:
            source = "a function" if not is_name else node.sql(dialect="spark")
            raise SqlUnreadable(
                f"asks {source}; a rule sees its batch, {{table}}, and nothing else"
            )


def check_functions(
    text: str, allowed: frozenset[str], columns: set[str], defined: set[str]
) -> None:
    """Functions are Spark's own, of those that look at nothing but their arguments.

    By the text and not by the tree, which calls many of them by another name.

    Args:
        columns: Of the table, in lower case; Spark takes a word for one before it calls a function.
        defined: Names that the query gives to tables.
    """
    found = code(text)
    for at, token in enumerate(found):
        word = token.text.lower().strip("`")
        if token.kind == "word" and word in SERVER_WORDS - columns:
            raise SqlUnreadable(f"{token.text} tells of the server, not of the batch")
        follows = found[at + 1].text if at + 1 < len(found) else ""
        if follows != "(" or token.kind not in ("word", "quoted"):
            continue
        before = found[at - 1].text if at else ""
        check_function(token, before, allowed, defined)


def check_function(token: Token, before: str, allowed: frozenset[str], defined: set[str]) -> None:
    """One word before a parenthesis."""
    word = token.text.lower().strip("`")
    is_word = token.kind == "word"
    if before == ".":
        raise SqlUnreadable(f"{token.text} is a function of another schema")
    if word in allowed or word in defined or (is_word and word in KEYWORDS | TYPES):
        return
    if reason := WHY_REFUSED.get(word):
        raise SqlUnreadable(f"function {token.text} is not for rules: it {reason}")
    if word in OF_MANY_ROWS:
        raise SqlUnreadable(
            f"function {token.text} looks at other rows; a predicate sees one row, use a sql rule"
        )
    raise SqlUnreadable(f"function {token.text} is not one of Spark's that rules may use")


def check_columns(tree: Tree, known: set[str]) -> None:
    """Columns are the table's, or named by the query itself."""
    for node in of_kind(tree, "Column"):
        first = node.parts[0]
        name = first.name.lower()
        if type(first).__name__ == "Star" or name in known | {BATCH}:
            continue
        if name in UNITS and not first.args.get("quoted"):
            continue
        raise SqlUnreadable(f"column {first.name} is not in the contract")
