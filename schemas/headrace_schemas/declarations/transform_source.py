"""Whether a transform takes what its table declares, by reading its source only."""

import ast
from collections.abc import Collection, Iterator

from headrace_schemas.declarations.pipeline import PARTITION_BOUNDS, TableBuild
from headrace_schemas.errors import TransformInvalid

Function = ast.FunctionDef | ast.AsyncFunctionDef


def check_transform_source(build: TableBuild, source: str | bytes) -> None:
    """Compare a function's parameters with the declared inputs.

    What a decorator or an import makes of a name is not looked at.

    Raises:
        TransformInvalid: The source is not Python, the function is missing, or its parameters differ.
    """
    if build.transform is None:
        return
    problem = source_problem(
        source, build.transform.partition(":")[2], build.inputs, build.partition is not None
    )
    if problem:
        raise TransformInvalid(build.name, build.transform, problem)


def source_problem(
    source: str | bytes, function: str, inputs: Collection[str], has_partition: bool
) -> str:
    """What is wrong; empty if nothing is."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno or 1} of the module is not Python: {error.msg}"
    except (ValueError, RecursionError, MemoryError):
        return "the module is not Python"
    found = list(bindings(tree.body, function))
    if not found:
        return "the module has no such function"
    last = found[-1]
    if isinstance(last, ast.AsyncFunctionDef):
        return "the function is async"
    if not isinstance(last, ast.FunctionDef) or last.decorator_list:
        return ""
    return parameters_problem(last.args, inputs, has_partition)


def bindings(statements: list[ast.stmt], name: str) -> Iterator[ast.stmt]:
    """Every statement of a module that may give `name` a value, in order."""
    for statement in statements:
        if isinstance(statement, Function | ast.ClassDef):
            if statement.name == name:
                yield statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            if any((alias.asname or alias.name) in (name, "*") for alias in statement.names):
                yield statement
        elif any(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
            for node in ast.walk(statement)
        ):
            yield statement
        else:
            for inner in ("body", "orelse", "finalbody"):
                yield from bindings(getattr(statement, inner, []), name)
            for handler in getattr(statement, "handlers", []):
                yield from bindings(handler.body, name)


def parameters_problem(
    arguments: ast.arguments, inputs: Collection[str], has_partition: bool
) -> str:
    """What is wrong with a function's parameters; empty if nothing is."""
    if arguments.posonlyargs:
        return f"parameter {arguments.posonlyargs[0].arg} cannot be given by name"
    given = [*arguments.args, *arguments.kwonlyargs]
    given += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    names = {argument.arg for argument in given}
    asked = names - PARTITION_BOUNDS
    if asked != set(inputs):
        return f"its parameters are {sorted(asked)}, the declared inputs {sorted(inputs)}"
    if bounds := sorted(names & PARTITION_BOUNDS):
        return "" if has_partition else f"it asks for {bounds[0]}, the table has no partition"
    return ""
