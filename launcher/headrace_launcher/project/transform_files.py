"""Whether the transforms that a pipeline names are there and take what it declares; none is run."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.folder import Entry
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.declarations.transform_source import source_problem
from headrace_schemas.project_errors import DeclarationInvalid

if TYPE_CHECKING:
    from sqlglot import exp


def check_transform(
    pipelines: Path, entry: Entry, contract: Contract | None
) -> Iterator[DeclarationInvalid]:
    """What is wrong with a table's transform."""
    transform = entry.entry.transform
    if transform is None:
        return
    if transform.endswith(".sql"):
        problem = query_file_problem(pipelines / transform, entry, contract)
    else:
        problem = function_problem(transform, entry)
    if problem:
        yield entry.refusal(("transform",), f"{problem} (found: {transform})")


def function_problem(transform: str, entry: Entry) -> str:
    """What is wrong with `module:function`; empty if nothing is."""
    module, _, function = transform.partition(":")
    origin = module_file(module)
    if origin is None:
        return f"no module {module} can be imported"
    if origin.suffix != ".py":
        return ""  # compiled: its parameters are seen when it is called
    try:
        source = origin.read_bytes()
    except OSError as error:
        return f"{origin} cannot be read: {error.strerror}"
    problem = source_problem(source, function, entry.entry.inputs, entry.unit != "none")
    return f"{origin}: {problem}" if problem else ""


def module_file(module: str) -> Path | None:
    """Where a module's code lies, found without running its packages; None if it is nowhere."""
    names, found = module.split("."), None
    if not all(names):
        return None  # two points, or one at the end
    path = None
    for depth in range(len(names)):
        name = ".".join(names[: depth + 1])
        specs = (finder.find_spec(name, path) for finder in sys.meta_path)
        found = next((spec for spec in specs if spec is not None), None)
        if found is None:
            return None
        path = found.submodule_search_locations
        if path is None and depth + 1 < len(names):
            return None
    has_code = found is not None and found.origin is not None and found.has_location
    return Path(str(found.origin)) if found is not None and has_code else None


def query_file_problem(file: Path, entry: Entry, contract: Contract | None) -> str:
    """What is wrong with a `.sql` file; empty if nothing is."""
    try:
        if not file.is_file():
            return "there is no such file in pipelines/"
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"the file cannot be read: {error}"
    return query_problem(text, entry, contract)


def query_problem(text: str, entry: Entry, contract: Contract | None) -> str:
    """What is wrong with a query; empty if nothing is."""
    import sqlglot  # heavy: only where there is a query
    from sqlglot import exp

    try:
        statements = [it for it in sqlglot.parse(text, dialect="spark") if it is not None]
    except sqlglot.errors.ParseError as error:
        known = error.errors[0] if error.errors else {}
        return (
            f"line {known.get('line', 1)} is not SQL: {known.get('description', 'cannot be read')}"
        )
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        return f"is not SQL: {str(error).splitlines()[0]}"
    if len(statements) != 1:
        return f"one query is expected, {len(statements)} statements found"
    query = statements[0]
    if re.match(r"\s*TABLE\s", text, re.IGNORECASE):
        return ""  # the short form of SELECT *, which sqlglot does not know
    if not isinstance(query, exp.Query | exp.Values):
        return "is no query: a transform reads its inputs and writes nothing"
    named = {name.lower() for name in entry.entry.inputs}
    for table in read_tables(query):
        if table.db or table.name.lower() not in named:
            declared = ", ".join(entry.entry.inputs)
            return f"reads {table.db + '.' if table.db else ''}{table.name}, and the inputs are {declared}"
    return columns_problem(query, entry, contract) if contract is not None else ""


def read_tables(query: "exp.Expr") -> Iterator["exp.Table"]:
    """The tables that a query reads, without those it makes itself."""
    from sqlglot import exp

    own = {cte.alias_or_name.lower() for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        is_function = not isinstance(table.this, exp.Identifier)
        is_own = not table.db and table.name.lower() in own
        if not is_function and not is_own and table.find_ancestor(exp.Hint) is None:
            yield table


def columns_problem(query: "exp.Expr", entry: Entry, contract: Contract) -> str:
    """Columns that the result lacks, or has besides, where the query names them all."""
    from sqlglot import exp

    outermost = query
    while isinstance(outermost, exp.SetOperation | exp.Subquery):
        outermost = outermost.this
    if not isinstance(outermost, exp.Select):
        return ""
    chosen = outermost.expressions
    if outermost.args.get("pivots") or not all(
        isinstance(it, exp.Alias) or (isinstance(it, exp.Column) and not it.is_star)
        for it in chosen
    ):
        return ""
    found = [it.alias_or_name for it in chosen]
    lower = {name.lower() for name in found}
    if missing := [name for name in contract.column_names if name.lower() not in lower]:
        return f"lacks columns of the contract: {', '.join(missing[:10])}"
    known = {name.lower() for name in contract.column_names}
    unknown = [name for name in found if name.lower() not in known and not name.startswith("_")]
    if unknown and entry.entry.evolution is Evolution.FREEZE:
        return f"has columns that the contract does not know: {', '.join(unknown[:10])}"
    return ""
