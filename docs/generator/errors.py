"""The errors that a user can meet, from their classes."""

import ast

from docs.generator.markdown import said
from docs.generator.sources import Written, deriving_from

ROOT = "HeadraceError"

TITLES = {
    "headrace_schemas": "Declarations, data, jobs and models",
    "headrace_jobs": "Jobs",
    "headrace_airflow": "Airflow",
    "headrace_lake": "The lake",
    "headrace_launcher": "The command `headrace`",
}


def errors() -> str:
    """Every error, by the package that it belongs to."""
    found = deriving_from(ROOT)
    parts = []
    for package, title in TITLES.items():
        own = [one for one in found if one.module.partition(".")[0] == package]
        if own:
            own.sort(key=lambda one: one.name)
            parts += [f"## {title}", *[described(one, found) for one in own]]
    return "\n\n".join(parts)


def described(error: Written, all_errors: list[Written]) -> str:
    """One error: when it is raised, what it says, what its fields are."""
    again = "Airflow tries again." if is_retryable(error, all_errors) else ""
    parts = [f"### {error.name}", " ".join(filter(None, [first_words(error.docstring), again]))]
    message, fields = raised(error)
    if message.strip("…"):
        parts.append(f"> {message}")
    if fields:
        parts.append(f"Fields: {', '.join(f'`{one}`' for one in fields)}.")
    return "\n\n".join(parts)


def first_words(docstring: str) -> str:
    """What it means, without what its constructor takes."""
    return said(docstring.partition("\n\nArgs:")[0])


def is_retryable(error: Written, all_errors: list[Written]) -> bool:
    """Whether trying again can help, by its own word or that of a class that it derives from."""
    if "retryable" in error.attributes:
        return error.attributes["retryable"] == "True"
    bases = [one for one in all_errors if one.name in error.bases]
    return any(is_retryable(one, all_errors) for one in bases)


def raised(error: Written) -> tuple[str, list[str]]:
    """The message with names in braces for what differs, and the fields."""
    constructor = error.methods.get("__init__")
    for node in ast.walk(constructor) if constructor else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            message = worded(node.args[0]) if node.args else ""
            return message, [one.arg for one in node.keywords if one.arg]
    return "", []


def worded(node: ast.expr) -> str:
    """A message as it is put together; `…` for what a calculation gives."""
    if isinstance(node, ast.Constant):
        return str(node.value).replace("<", "&lt;")
    if isinstance(node, ast.JoinedStr):
        return "".join(map(worded, node.values))
    if isinstance(node, ast.FormattedValue):
        return f"{{{node.value.id}}}" if isinstance(node.value, ast.Name) else "…"
    return "…"
