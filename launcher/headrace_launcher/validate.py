"""Checks declarations more deeply than loading does; writes their JSON Schemas for editors."""

import importlib.util
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
from pydantic import BaseModel

from headrace_schemas.catalog import Catalog, check_transform_source
from headrace_schemas.declaration import line_of, read_yaml
from headrace_schemas.errors import DeclarationInvalid, TransformInvalid
from headrace_schemas.model import Model
from headrace_schemas.pipeline import Pipeline, TableBuild

EDITOR_SCHEMAS: dict[str, type[BaseModel]] = {"pipeline": Pipeline, "model": Model}


@dataclass(frozen=True)
class Checked:
    """How much was found to be right."""

    contracts: int
    pipelines: int
    models: int
    transforms: int
    rules: int


def validate(root: Path) -> Checked:
    """Check every declaration below `root`.

    Raises:
        DeclarationInvalid: A file is wrong, or a contract is not what the ODCS schema allows.
        UnknownTable: A name that nothing declares.
        TransformInvalid: A transform is missing, or its parameters are not the declared inputs.
    """
    catalog = Catalog.load(root)
    standard = jsonschema.Draft201909Validator(odcs_schema())
    contract_files = sorted((root / "contracts").glob("*/*.odcs.yaml"))
    for file in contract_files:
        check_contract(standard, file)
    transforms = [build for build in catalog.builds.values() if build.transform]
    for build in transforms:
        check_transform(catalog.root, build)
    rules = sum(len(one.row_rules) + len(one.table_rules) for one in catalog.contracts.values())
    return Checked(
        contracts=len(contract_files), pipelines=len(catalog.pipelines),
        models=len(catalog.models), transforms=len(transforms), rules=rules,
    )  # fmt: skip


def odcs_schema() -> dict[str, Any]:
    """The Open Data Contract Standard's own JSON Schema, as the pinned package ships it."""
    text = files("open_data_contract_standard").joinpath("schema.json").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_contract(standard: jsonschema.Draft201909Validator, file: Path) -> None:
    """One contract against the standard's schema."""
    content, node = read_yaml(file)
    # YAML reads dates that JSON does not know; the schema describes them as text.
    content = json.loads(json.dumps(content, default=str))
    error = jsonschema.exceptions.best_match(standard.iter_errors(content))
    if error is not None:
        path = tuple(error.absolute_path)
        key = ".".join(str(step) for step in path) or "contract"
        raise DeclarationInvalid(str(file), line_of(node, path), key, error.message)


def check_transform(root: Path, build: TableBuild) -> None:
    """A transform is there and takes the declared inputs; it is read, not imported."""
    transform = str(build.transform)
    if transform.endswith(".sql"):
        if not (root / "pipelines" / transform).is_file():
            raise TransformInvalid(build.name, transform, "there is no such file in pipelines/")
        return
    module = transform.partition(":")[0]
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None or found.origin is None:
        raise TransformInvalid(build.name, transform, f"no module {module} can be imported")
    check_transform_source(build, Path(found.origin).read_text(encoding="utf-8"))


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
