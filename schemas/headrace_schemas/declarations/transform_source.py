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
    for one in statements:
        if isinstance(one, Function | ast.ClassDef):
            if one.name == name:
                yield one
        elif isinstance(one, ast.Import | ast.ImportFrom):
            if any((it.asname or it.name) in (name, "*") for it in one.names):
                yield one
        elif any(
            isinstance(it, ast.Name) and it.id == name and isinstance(it.ctx, ast.Store)
            for it in ast.walk(one)
        ):
            yield one
        else:
            for inner in ("body", "orelse", "finalbody"):
                yield from bindings(getattr(one, inner, []), name)
            for handler in getattr(one, "handlers", []):
                yield from bindings(handler.body, name)


def parameters_problem(
    arguments: ast.arguments, inputs: Collection[str], has_partition: bool
) -> str:
    """What is wrong with a function's parameters; empty if nothing is."""
    if arguments.posonlyargs:
        return f"parameter {arguments.posonlyargs[0].arg} cannot be given by name"
    given = [*arguments.args, *arguments.kwonlyargs]
    given += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    names = {one.arg for one in given}
    asked = names - PARTITION_BOUNDS
    if asked != set(inputs):
        return f"its parameters are {sorted(asked)}, the declared inputs {sorted(inputs)}"
    if bounds := sorted(names & PARTITION_BOUNDS):
        return "" if has_partition else f"it asks for {bounds[0]}, the table has no partition"
    return ""
