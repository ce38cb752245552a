"""Which stories a project has: one of each model, and one of each pipeline from which none learns."""

from collections.abc import Iterator

from headrace_lake.decision_story import DecisionStory, decision_on, decision_story
from headrace_lake.ledger import DECISIONS
from headrace_lake.story import Story, story_of
from headrace_lake.tables import published_keys
from headrace_launcher.errors import UnknownName
from headrace_schemas.decisions.decision import Kind
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.model_errors import UndecidedWindow
from headrace_schemas.partition import Partition
from headrace_schemas.places import Lake

Subject = tuple[Pipeline, Model | None]
"""What a story is about."""


def subjects(catalog: Catalog, name: str | None = None) -> list[Subject]:
    """Everything that has a story, or what is called `name`: a model, or a pipeline.

    Raises:
        UnknownName: Nothing is.
    """
    every: list[Subject] = []
    for pipeline in catalog.pipelines.values():
        own = [model for model in catalog.models.values() if model.table in pipeline.entries]
        every += [(pipeline, model) for model in own] or [(pipeline, None)]
    if name is None:
        return every
    found = [subject for subject in every if subject[1] is not None and subject[1].name == name]
    found = found or [subject for subject in every if subject[0].name == name]
    if not found:
        known = [*catalog.models, *catalog.pipelines]
        raise UnknownName("model or pipeline", name, sorted(known))
    return found


def stories(lake: Lake, catalog: Catalog, name: str | None = None) -> Iterator[Story]:
    """The stories so far; one without windows where nothing was built yet."""
    for pipeline, model in subjects(catalog, name):
        yield story_of(lake, pipeline, model, windows(lake, catalog, pipeline, model))


def decided(lake: Lake, catalog: Catalog, name: str, window: str | None) -> DecisionStory | None:
    """The story of the decision on a window, or of the newest; None where nothing is decided yet.

    Raises:
        UnknownName: There is no such model.
        UndecidedWindow: Nothing is decided on the window.
        EngineUnavailable: The lake cannot be read.
    """
    if name not in catalog.models:
        raise UnknownName("model", name, sorted(catalog.models))
    model, history = catalog.models[name], DECISIONS.read(lake.ledger, name)
    known = [one.window for one in history if one.kind is Kind.RETRAINING]
    if window is None and not known:
        return None
    decision = decision_on(history, window or known[-1])
    if decision is None:
        raise UndecidedWindow(name, str(window), known)
    return decision_story(model, history, decision)


def windows(
    lake: Lake, catalog: Catalog, pipeline: Pipeline, model: Model | None
) -> list[Partition]:
    """The partitions that were published or decided on, oldest first."""
    unit = catalog.model_unit(model) if model else pipeline.partition
    own = [build.name for build in pipeline.tables if build.partition is unit]
    keys = {key for name in own for key in published_keys(lake.table(name))}
    if model is not None:
        ledger = DECISIONS.read(lake.ledger, model.name)
        keys |= {
            decision.window
            for decision in ledger
            if decision.kind is Kind.RETRAINING and decision.window
        }
    return sorted(
        (Partition.parse(unit, key) for key in keys), key=lambda partition: partition.start
    )
