"""Checks declarations more deeply than loading does; writes their JSON Schemas for editors."""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import headrace_schemas
from headrace_launcher.project.contract_form import CHECKS, rule_path
from headrace_launcher.project.crons import cron_problem
from headrace_launcher.project.expectation_files import class_problem
from headrace_launcher.project.stray_files import stray_files
from headrace_launcher.project.transform_files import check_transform
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.declaration import KeyPath
from headrace_schemas.declarations.declaration_file import DeclarationFile, Problems, related
from headrace_schemas.declarations.folder import DeclarationFolder, Read
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.declarations.references import check_references
from headrace_schemas.project_errors import DeclarationInvalid
from headrace_schemas.rules.sql import check_rule_sql

EDITOR_SCHEMAS: dict[str, type[BaseModel]] = {"pipeline": Pipeline, "model": Model}

KEPT = Path(headrace_schemas.__file__).with_name("json")
"""Where the package keeps what `editor_schemas` writes, for those who read them without running it."""


@dataclass(frozen=True)
class DeclarationCounts:
    """How much was found to be right."""

    contracts: int
    pipelines: int
    models: int
    transforms: int
    rules: int


def validate(root: Path) -> DeclarationCounts:
    """Check every declaration below `root`.

    Raises:
        DeclarationInvalid: Something can never run as it is declared; its `problems` are all that
            is wrong, by file and line.
    """
    folder = DeclarationFolder.read(root)
    check_references(folder)
    check_contracts(folder)
    check_rule_queries(folder)
    check_rule_classes(folder)
    check_calendars(folder)
    check_transforms(folder)
    for problem in stray_files(root):
        folder.problems.add(problem)
    catalog = Catalog.of(folder)
    rules = sum(
        len(contract.row_rules) + len(contract.table_rules)
        for contract in catalog.contracts.values()
    )
    return DeclarationCounts(
        contracts=len(catalog.contracts),
        pipelines=len(catalog.pipelines),
        models=len(catalog.models),
        transforms=sum(build.transform is not None for build in catalog.builds.values()),
        rules=rules,
    )


def check_contracts(folder: DeclarationFolder) -> None:
    """Each contract against its standard, and its words against each other."""
    for contract in folder.contracts.values():
        if contract is not None:
            for check in CHECKS:
                for problem in check(contract.file):
                    add_finer(folder.problems, contract.file, problem)


def add_finer(problems: Problems, file: DeclarationFile, problem: DeclarationInvalid) -> None:
    """Note a problem unless it is said; in the place of one that says it of the whole rule."""
    _, _, key = problem.place
    value = file.value_at(key)
    for earlier in [earlier for earlier in problems.found if earlier.place[0] == str(file.path)]:
        where = earlier.place[2]
        if where == key or where.startswith(f"{key}."):
            return
        if key.startswith(f"{where}."):
            parts = value if isinstance(value, list) else [value]
            if value is None or any(isinstance(part, dict) for part in parts):
                return
            if all(str(part) in earlier.message for part in parts):
                problems.found.remove(earlier)
    problems.add(problem)


def check_rule_queries(folder: DeclarationFolder) -> None:
    """SQL of rules that cannot be read, or looks at more than its batch."""
    for contract in filter(None, folder.contracts.values()):
        for found in check_rule_sql(contract.declared):
            problem = contract.refusal(
                rule_path(contract.file, found.rule), found.problem.rstrip(".")
            )
            file, _, key = problem.place
            if not is_said(folder.problems, file, key):
                folder.problems.add(problem)


def check_rule_classes(folder: DeclarationFolder) -> None:
    """Classes of rules that are not where the contract, or the entry point of a short name, says."""
    for contract in filter(None, folder.contracts.values()):
        for rule in contract.declared.table_rules:
            place = rule.expectation.type
            if rule.expectation.is_class and (problem := class_problem(place)):
                path = (*rule_path(contract.file, rule.id), "implementation", "type")
                folder.problems.add(contract.refusal(path, f"{problem} (found: {place})"))


def is_said(problems: Problems, file: str, key: str) -> bool:
    """Whether something is wrong with a value, or with a part of it, already."""
    said = (problem.place for problem in problems.found)
    return any(other == file and related(key, where) for other, _, where in said)


def check_calendars(folder: DeclarationFolder) -> None:
    """Cron expressions that never come."""
    asked: list[tuple[Read[Any], KeyPath, str | None]] = []
    for pipeline in folder.pipelines:
        asked.append((pipeline, ("schedule",), pipeline.declared.__dict__.get("schedule")))
    for model in folder.models:
        again = model.declared.__dict__.get("retraining")
        asked.append((model, ("retraining", "schedule"), again.schedule if again else None))
    for declaration, path, schedule in asked:
        if schedule is None or len(schedule.split()) != 5:
            continue  # refused where it is read
        if problem := cron_problem(schedule):
            advice = "Give minute, hour, day of the month, month and weekday, as '0 2 * * *'."
            problem = f"{problem} (found: {schedule[:60]})"
            folder.problems.add(declaration.refusal(path, problem, advice=advice))


def check_transforms(folder: DeclarationFolder) -> None:
    """Functions and queries that are missing, or do not take what is declared."""
    for entry in folder.entries():
        file, path = str(entry.pipeline.file.path), ".".join(map(str, entry.path))
        if any(is_said(folder.problems, file, f"{path}.{key}") for key in ("transform", "inputs")):
            continue
        contract = folder.contracts.get(entry.name)
        declared = contract.declared if contract is not None else None
        for problem in check_transform(folder.root / "pipelines", entry, declared):
            folder.problems.add(problem)


def editor_schemas() -> dict[str, str]:
    """File name → JSON Schema text, for editors that complete and check YAML."""
    texts = {}
    for name, model in EDITOR_SCHEMAS.items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(),
        }
        texts[f"{name}.schema.json"] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return texts


def schemas_for_editors() -> dict[str, str]:
    """File name → JSON Schema, also of contracts, whose schema is the standard's own."""
    standard = files("open_data_contract_standard") / "schema.json"
    return {**editor_schemas(), "contract.schema.json": standard.read_text(encoding="utf-8")}
