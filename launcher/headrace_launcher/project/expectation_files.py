"""Whether the classes that rules name are there; none is imported."""

import ast

from headrace_launcher.project.transform_files import module_file
from headrace_schemas.declarations.transform_source import bindings


def class_problem(place: str) -> str:
    """What is wrong with `module:Class`; empty if nothing is that its source tells.

    Args:
        place: Of a class of Great Expectations' kind.
    """
    module, _, name = place.partition(":")
    file = module_file(module)
    if file is None:
        return f"no module {module} can be imported"
    if file.suffix != ".py":
        return ""  # compiled: the class is seen when it is imported
    try:
        tree = ast.parse(file.read_bytes())
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    except SyntaxError as error:
        return f"{file}: line {error.lineno or 1} is not Python: {error.msg}"
    except (ValueError, RecursionError, MemoryError):
        return f"{file} is not Python"
    found = list(bindings(tree.body, name))
    if not found:
        known = ", ".join(one.name for one in tree.body if isinstance(one, ast.ClassDef))
        return f"{file} has no class {name}; it has {known or 'none'}"
    last = found[-1]
    if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"{file}: {name} is a function, not a class"
    if isinstance(last, ast.ClassDef) and not last.bases:
        return f"{file}: {name} derives from no class; Great Expectations needs an Expectation"
    return ""
