"""Operators, sensors, and what a Dag file calls, from their signatures and docstrings."""

import ast

from docs.generator.markdown import code, said
from docs.generator.sources import PROJECT, Written, signature, written

BASE = "SparkJobOperator"

TITLES = {"operators": "Operators", "sensors": "Sensors"}


def operators() -> str:
    """What Dag files call, then operators and sensors, the base of most of them first."""
    parts = ["## What a Dag file calls", *map(called, imported_by_dags())]
    for folder, title in TITLES.items():
        found = [
            one
            for one in written()
            if one.module.startswith(f"headrace_airflow.{folder}.")
            and isinstance(one.node, ast.ClassDef)
        ]
        found.sort(key=lambda one: (one.name != BASE, one.module))
        parts += [f"## {title}", *map(described, found)]
    return "\n\n".join(parts)


def imported_by_dags() -> list[Written]:
    """What this repository's Dag files take from the plugin, and the builders that it calls."""
    names = {
        (one.module, one.name)
        for one in written()
        if one.module.startswith("headrace_airflow.builders.")
        and isinstance(one.node, ast.FunctionDef)
        and one.node.returns is not None
        and ast.unparse(one.node.returns) == "DAG"
    }
    for path in sorted((PROJECT / "dags").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("headrace_airflow"):
                names |= {(str(node.module), one.name) for one in node.names}
    by_name = {(one.module, one.name): one for one in written()}
    return [by_name[one] for one in sorted(names, reverse=True) if one in by_name]


def called(function: Written) -> str:
    """A function with its parameters."""
    node = function.node
    given = signature(node) if isinstance(node, ast.FunctionDef) else ""
    heading = f"### `{function.name}({given})`"
    return f"{heading}\n\n`{function.module}`\n\n{said(function.docstring)}"


def described(operator: Written) -> str:
    """A class: what it does, what it takes, and which job it asks for."""
    takes = constructor(operator)
    facts = [
        f"`{operator.module}`",
        f"derives from {', '.join(map(code, operator.bases))}",
        f"job `{ast.literal_eval(operator.attributes['job'])}`"
        if "job" in operator.attributes
        else "",
        f"takes {code(takes)}" if takes else "",
    ]
    parts = [f"### {operator.name}", "; ".join(filter(None, facts)), said(operator.docstring)]
    if operator.name == BASE:
        parts += [
            f"`{name}({signature(one)})`: {said(ast.get_docstring(one))}"
            for name, one in operator.methods.items()
            if name in ("plan", "handle_report", "batch", "told", "spec")
        ]
    return "\n\n".join(parts)


def constructor(operator: Written) -> str:
    """What it takes besides Airflow's own, by its constructor or that of a class of the plugin."""
    if "__init__" in operator.methods:
        return signature(operator.methods["__init__"])
    own = [one for one in written() if one.module.startswith("headrace_airflow.")]
    bases = [one for one in own if one.name in operator.bases]
    return next(filter(None, map(constructor, bases)), "")
