"""What is wrong in declarations, for programs: JSON for scripts and editors, SARIF for code scanning."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import BaseModel

from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.project_errors import DeclarationInvalid

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

KINDS: dict[str, type[BaseModel]] = {
    "contracts": OpenDataContractStandard,
    "pipelines": Pipeline,
    "models": Model,
}
"""Folder of declarations → what its files are."""


def finding(root: Path, problem: DeclarationInvalid) -> dict[str, Any]:
    """One problem with all that is known of it.

    Args:
        root: The folder of the declarations.
    """
    fields = problem.fields
    return {
        "rule": rule_id(root, problem),
        "file": fields["file"],
        "line": fields["line"],
        "column": fields["column"],
        "key": fields["key"],
        "value": fields["value"],
        "problem": fields["problem"],
        "advice": fields["advice"],
        "known_keys": fields["allowed"],
        "message": problem.message,
    }


def rule_id(root: Path, problem: DeclarationInvalid) -> str:
    """What is wrong, as a word that stays the same: the kind of file, and the key that it is about.

    Such as `model.label_delay_days`. Names that somebody has given are not in it.
    """
    path = Path(str(problem.fields["file"]))
    folder = path.relative_to(root).parts[:1] if path.is_relative_to(root) else ()
    kind = folder[0] if folder and folder[0] in KINDS else None
    if kind is None:
        return "folder"
    steps = str(problem.fields["key"]).split(".")
    known = [step for step in steps if step in keys_of(kind)]
    return ".".join([kind.removesuffix("s"), *known[-1:]])


@cache
def keys_of(kind: str) -> frozenset[str]:
    """Every key that a kind of declaration has, at any depth."""
    schema = KINDS[kind].model_json_schema(by_alias=True)
    objects = [schema, *schema.get("$defs", {}).values()]
    return frozenset(key for definition in objects for key in definition.get("properties", {}))


def sarif(root: Path, problems: Sequence[DeclarationInvalid], base: Path) -> dict[str, Any]:
    """All problems as one run of SARIF 2.1.0, which GitHub's code scanning and editors read.

    Args:
        root: The folder of the declarations.
        base: The repository's folder: files below it are named by their paths in it.
    """
    ids = sorted({rule_id(root, problem) for problem in problems})
    driver = {
        "name": "headrace validate",
        "version": version("headrace"),
        "rules": [{"id": rule, "shortDescription": {"text": titled(rule)}} for rule in ids],
    }
    results = [result(root, problem, base, ids) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def titled(rule: str) -> str:
    """A rule in words."""
    kind, _, key = rule.partition(".")
    if kind == "folder":
        return "The folder of declarations is as it should be."
    return f"`{key}` of a {kind} is right." if key else f"A {kind} can be read."


def result(
    root: Path, problem: DeclarationInvalid, base: Path, ids: Sequence[str]
) -> dict[str, Any]:
    """One problem as a result of SARIF."""
    rule, fields = rule_id(root, problem), problem.fields
    region = {"startLine": fields["line"], "startColumn": fields["column"]}
    said = str(problem.message).removeprefix(f"{fields['file']}:{fields['line']}: ")
    return {
        "ruleId": rule,
        "ruleIndex": ids.index(rule),
        "level": "error",
        "message": {"text": said},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": artifact(Path(str(fields["file"])), base),
                    "region": {key: value for key, value in region.items() if value is not None},
                }
            }
        ],
    }


def artifact(file: Path, base: Path) -> dict[str, str]:
    """A file, relative to the repository if it is in it."""
    whole, base = file.absolute(), base.absolute()
    if whole.is_relative_to(base):
        return {"uri": whole.relative_to(base).as_posix(), "uriBaseId": "%SRCROOT%"}
    return {"uri": whole.as_uri()}
