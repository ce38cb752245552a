"""Whether the declarations of a folder fit each other: names, partitions, keys, types, history."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from headrace_schemas.declarations.column_name import PREDICTIONS, folded
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.contract_checks import written_names
from headrace_schemas.declarations.declaration import KeyPath
from headrace_schemas.declarations.folder import DeclarationFolder, Entry, Read
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.model_checks import OF_THE_TASK
from headrace_schemas.declarations.model_defaults import task_of
from headrace_schemas.declarations.pipeline import Pipeline, WriteMode
from headrace_schemas.declarations.source import misfits
from headrace_schemas.errors import listed
from headrace_schemas.names import TABLE_NAME, form_of
from headrace_schemas.partition import PartitionUnit, end_of
from headrace_schemas.project_errors import DeclarationInvalid
from headrace_schemas.types import NUMBERS, SIMPLE, TEXTS, ColumnType

LONGEST_WAIT = timedelta(days=36_525)
"""A hundred years: no model waits longer for its first training."""


def check_references(folder: DeclarationFolder) -> None:
    """Note everything that does not fit; what could not be read is not looked for."""
    entries: dict[str, Entry] = {}
    for entry in folder.entries():
        if entry.name in entries:
            other = entries[entry.name].pipeline.declared.__dict__.get("name")
            folder.problems.add(
                entry.refusal(
                    (),
                    f"pipeline {other} builds {entry.name} as well",
                    "A table is built in one place.",
                )
            )
        entries.setdefault(entry.name, entry)
    for entry in entries.values():
        for problem in check_entry(folder, entries, entry):
            folder.problems.add(problem)
    for problem in (*circles(entries), *unbuilt(folder, entries)):
        folder.problems.add(problem)
    for model in folder.models:
        for problem in check_model(folder, entries, model):
            folder.problems.add(problem)


def check_entry(
    folder: DeclarationFolder, entries: dict[str, Entry], entry: Entry
) -> Iterator[DeclarationInvalid]:
    """A table has a contract, and its inputs are built by partitions that go together."""
    contract = folder.contracts.get(entry.name)
    if form_of(entry.name, TABLE_NAME):
        pass  # no contract can be called so, and the name is refused
    elif entry.name not in folder.contracts:
        layer, _, table = entry.name.partition(".")
        problem = f"table {entry.name} is not declared: it has no contract"
        file = f"contracts/{layer}/{table}.odcs.yaml"
        advice = close_to(entry.name, folder.contracts) or f"Write {file}, or leave the table out."
        yield entry.refusal((), problem, advice)
    elif (
        contract is not None and entry.entry.write is WriteMode.MERGE and not contract.declared.key
    ):
        yield entry.refusal(
            ("write",),
            "merge needs a key and the contract has none",
            "Mark the key's columns with primaryKey, or choose another write mode.",
        )
    if contract is not None and entry.entry.source is not None:
        for key, problem in misfits(entry.entry.source, contract.declared):
            own = [name for name in entry.entry.source.columns if f"{key}.".startswith(f"{name}.")]
            path = ("source", "columns", *own[:1]) if own else ("source",)
            yield entry.refusal(path, f"columns.{key}: {problem}")
    for name, asked in entry.entry.inputs.items():
        here: KeyPath = ("inputs", name)
        source = entries.get(asked.table)
        if source is None:
            if folder.is_read_whole:
                advice = close_to(asked.table, entries) or "Declare it in a pipeline."
                yield entry.refusal(here, f"table {asked.table} is not declared", advice)
        elif asked.lookback and source.unit == "none":
            yield entry.refusal(
                here,
                f"{entry.name} looks back over {asked.table}, which has no partitions",
                "Leave `lookback` out.",
            )
        elif entry.unit != source.unit and not {entry.unit, source.unit} & {None, "none"}:
            yield entry.refusal(
                here,
                f"{entry.name} is built by {entry.unit}, {asked.table} by {source.unit}",
                "Give both the same partition.",
            )


def close_to(name: str, known: Mapping[str, object]) -> str:
    """A question about what may have been meant; empty if nothing is close."""
    close = get_close_matches(name, [other for other in known if other != name], 1, 0.8)
    return f"Did you mean {close[0]}?" if close else ""


def circles(entries: dict[str, Entry]) -> Iterator[DeclarationInvalid]:
    """Tables that feed each other, each circle once."""
    graph = {
        name: {asked.table for asked in entry.entry.inputs.values() if asked.table in entries}
        for name, entry in entries.items()
    }
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[str] = list(reversed(error.args[1]))
            entry = entries[circle[-1]]
            names = [key for key, asked in entry.entry.inputs.items() if asked.table == circle[-2]]
            yield entry.refusal(
                ("inputs", *names[:1]),
                f"tables feed each other: {' -> '.join(circle)}",
                "Take one of these inputs away.",
            )
            graph[circle[-1]] = set()
        else:
            return


def unbuilt(folder: DeclarationFolder, entries: dict[str, Entry]) -> Iterator[DeclarationInvalid]:
    """Contracts that no pipeline builds."""
    if not folder.is_read_whole:
        return
    for name, contract in folder.contracts.items():
        if name not in entries and contract is not None:
            yield contract.refusal(
                ("name",),
                f"table {name} is not declared in any pipeline",
                advice="Add it to `tables` of one, or remove the contract.",
            )


def check_model(
    folder: DeclarationFolder, entries: dict[str, Entry], model: Read[Model]
) -> Iterator[DeclarationInvalid]:
    """A model's table exists, has partitions and a key, and its columns are of types that serve."""
    if not model.has("table"):
        return
    name = model.declared.table
    entry, contract = entries.get(name), folder.contracts.get(name)
    if (entry is None and folder.is_read_whole) or name not in folder.contracts:
        advice = close_to(name, entries) or "Declare it by a contract and in a pipeline."
        yield model.refusal(("table",), f"table {name} is not declared", advice=advice)
    if entry is not None and entry.unit == "none":
        yield model.refusal(
            ("table",), f"{name} has no partition; a model learns from a partitioned table"
        )
    elif entry is not None:
        yield from check_history(model, entry)
    if contract is None:
        return
    if not contract.declared.key:
        yield model.refusal(
            ("table",),
            f"{name} has no key, and predictions and labels meet on it",
            advice="Mark the columns that name a row as primaryKey in the contract.",
        )
    yield from check_columns(model, contract)
    yield from check_predictions(model, contract)
    yield from check_task(model, contract)


def check_task(model: Read[Model], contract: Read[Contract]) -> Iterator[DeclarationInvalid]:
    """A task that the file leaves out follows from the target's column, and fits the rest."""
    declared = model.declared
    if not model.has("task", "target", "features") or declared.task is not None:
        return
    column, task = contract.declared.column(declared.target), task_of(declared, contract.declared)
    if column is None or ColumnType.parse(column.type).stem not in SERVES["target"][0]:
        return  # refused where columns are
    if task is None:
        yield model.refusal(
            ("target",),
            f"{declared.target} of {declared.table} is {column.type}, and its contract does not say "
            "whether it is a number or one of two classes",
            advice="Write `task: regression`, or `task: binary` if it is 0 or 1.",
        )
        return
    derived = declared.model_copy(update={"task": task})
    for misfit in (misfit for check in OF_THE_TASK for misfit in check(derived)):
        yield model.refusal(misfit.path, misfit.problem, advice=misfit.advice)


def check_predictions(model: Read[Model], contract: Read[Contract]) -> Iterator[DeclarationInvalid]:
    """Predictions carry the key and the event time beside columns of their own."""
    name = model.declared.table
    for column in contract.declared.key:
        if folded(column) in PREDICTIONS:
            yield model.refusal(
                ("table",),
                f"{name} names rows by column {column}, and predictions have a column "
                "of this name beside it",
                advice="Name it otherwise in the feature table.",
            )
    if model.has("event_time") and folded(model.declared.event_time) in PREDICTIONS:
        yield model.refusal(
            ("event_time",),
            f"predictions have a column {model.declared.event_time} beside it",
            advice="Name it otherwise in the feature table.",
        )


def asked_columns(model: Model) -> Iterator[tuple[KeyPath, str, str]]:
    """Every column that a model names, with its place and what it is for."""
    for key in ("target", "event_time", "known_time"):
        if key in model.__dict__:
            yield (key,), getattr(model, key), key
    for index, name in enumerate(model.__dict__.get("features", ())):
        yield ("features", index), name, "feature"
    slices = model.gates.slices if "gates" in model.__dict__ else None
    for index, name in enumerate(slices.columns if slices else ()):
        yield ("gates", "slices", "columns", index), name, "slice"


SERVES = {
    "target": (NUMBERS | {"BOOLEAN"}, "a target is a number or a boolean"),
    "feature": (NUMBERS | TEXTS | {"BOOLEAN"}, "a feature is a number, a text or a boolean"),
    "event_time": (frozenset({"TIMESTAMP"}), "an event time is a TIMESTAMP"),
    "known_time": (frozenset({"TIMESTAMP"}), "a known time is a TIMESTAMP"),
    "slice": (SIMPLE | TEXTS | {"DECIMAL"}, "a slice is by plain values"),
}
"""Which types can be what, and how a message says it."""


def check_columns(model: Read[Model], contract: Read[Contract]) -> Iterator[DeclarationInvalid]:
    """The columns are there, and of a type that can serve."""
    table = model.declared.table
    columns = contract.declared.columns
    written = written_names(contract.file.content)
    for path, name, purpose in asked_columns(model.declared):
        column = contract.declared.column(name)
        if column is None:
            if name not in written:  # otherwise it could not be read, and is refused there
                known = sorted(declared.name for declared in columns)
                advice = close_to(name, dict.fromkeys(known)) or f"It has {listed(known)}."
                yield model.refusal(
                    path, f"no such column in {table} (found: {name})", advice=advice
                )
            continue
        found = ColumnType.parse(column.type)
        stems, wanted = SERVES[purpose]
        if found.stem not in stems:
            yield model.refusal(path, f"column {name} of {table} is {found.ddl}, and {wanted}")


def check_history(model: Read[Model], entry: Entry) -> Iterator[DeclarationInvalid]:
    """The first model finds the partitions it waits for, and rows before its holdout."""
    if not model.has("split") or not entry.pipeline.has("start", "end") or entry.unit is None:
        return
    split, pipeline = model.declared.split, entry.pipeline.declared
    if pipeline.end is not None and pipeline.end <= pipeline.start:
        return  # refused in the pipeline
    count, unit = split.first_after_partitions, entry.unit
    if count is None:
        return  # the first model waits for rows
    here: KeyPath = ("split", "first_after_partitions")
    wait = waited(pipeline, PartitionUnit(unit), count)
    if wait is None or wait > LONGEST_WAIT:
        problem = f"{count} {unit}s are more than a hundred years, or end after the year 9999"
        yield model.refusal(here, problem)
        return
    if pipeline.ends_at is not None and pipeline.ends_at < pipeline.starts_at + wait:
        yield model.refusal(
            here,
            f"the data of {entry.name} end at {pipeline.end}, before {count} {unit}s of it "
            "are there",
            advice="Wait for fewer partitions, or give pipeline "
            f"{pipeline.__dict__.get('name')} a later end.",
        )
    history = wait / timedelta(days=1)
    if split.holdout_days is not None and split.holdout_days >= history:
        yield model.refusal(
            ("split", "holdout_days"),
            f"{split.holdout_days:g} days of holdout leave nothing to learn from: the first model "
            f"knows {history:g} days",
            advice="Hold fewer days out, or wait for more partitions.",
        )


def waited(pipeline: Pipeline, unit: PartitionUnit, count: int) -> timedelta | None:
    """How long `count` partitions from the pipeline's start take; None if no time is so late."""
    try:
        return end_of(unit, pipeline.starts_at, count) - pipeline.starts_at
    except ValueError:
        return None
