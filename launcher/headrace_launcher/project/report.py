"""The pages of a story: one of a model or pipeline, and one of each of its newest decisions."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from headrace_lake.decision_story import DecisionStory
from headrace_lake.story import Story
from headrace_launcher.project import report_plots, report_table
from headrace_launcher.project.explained import document, headline, sections
from headrace_schemas.decisions.decision import Verdict


def write_page(
    story: Story,
    folder: Path,
    written_at: datetime,
    links: dict[str, str],
    name: str = "index.html",
) -> Path:
    """Write the pages with their plots inside, and the same as JSON beside the first.

    Each needs nothing else to be looked at.
    """
    environment = Environment(
        loader=PackageLoader("headrace_launcher.project"),
        autoescape=select_autoescape(default=True),
    )
    environment.filters["number"] = report_table.number
    shared = {"written_at": written_at, "links": links}
    pages = {}
    for line in story.windows:
        if line.told is not None:
            file = f"{line.told.decision.model}.{line.window}.html"
            page = environment.get_template("decision.html").render(
                **shared,
                title=f"{line.told.decision.model}: {line.window}",
                back=name,
                headline=headline(line.told),
                sections=sections(line.told),
                plot=report_plots.challengers_plot(line.told) if line.told.gains else "",
            )
            write(folder, file, page)
            pages[line.window] = file
    page = environment.get_template("report.html").render(
        **shared,
        story=story,
        said=sentences(story),
        pages=pages,
        reason=report_table.reason,
        drifted=report_table.drifted,
        outcome=report_table.outcome,
        plots=plots(story),
    )
    content = json.dumps(as_json(story), indent=2, default=str)
    write(folder, Path(name).with_suffix(".json").name, content)
    return write(folder, name, page)


def write(folder: Path, name: str, text: str) -> Path:
    """Replace a file as a whole."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{name}.draft"
    draft.write_text(text, encoding="utf-8")
    return draft.replace(folder / name)


def plots(story: Story) -> Mapping[str, str]:
    """The plots of a model's page; none of a pipeline's."""
    if story.model is None:
        return {}
    return {
        "results": report_plots.results_plot(story),
        "loss": report_plots.loss_plot(story),
        "inputs": report_plots.inputs_plot(story, story.model),
        "gains": report_plots.gains_plot(story),
    }


def sentences(story: Story) -> list[str]:
    """What the page says first: how the model does now, what is held, and what cannot be known yet."""
    if story.model is None:
        return []
    told = [line.told for line in story.windows if line.told is not None]
    said = [headline(told[-1])] if told else [f"{story.model.name}: nothing is decided yet."]
    if held := [one.decision.window for one in told if one.is_held]:
        said.append(
            f"Held as data incidents: {', '.join(held)}. release.{story.model.name} asks a person "
            "about them."
        )
    worse = story.worse_than_first()
    if any(line.first is not None for line in story.windows):
        said.append(
            f"The first model would have been better in {', '.join(worse)}."
            if worse
            else "The first model would have been better in no partition."
        )
    asked = sum(one.decision.verdict is Verdict.TRAIN for one in told)
    said.append(
        f"{asked} of {len(told)} decisions asked for a training. Versions promoted: "
        f"{len(story.promotions())}, refused: {len(story.refusals())}, those included that people asked for."
    )
    return [*said, knowable(story, story.model.label_delay_days)]


def knowable(story: Story, delay: float) -> str:
    """From when on a changed world can be seen at all: not before labels."""
    undecided = [line for line in story.undecided if line.labels_due is not None]
    if not undecided:
        return (
            "Concept drift can be known of a partition from "
            f"{delay:g} days after its end on, when its labels are due; there is none that waits."
        )
    first = undecided[0]
    return (
        f"Concept drift in {first.window} can be known from {first.labels_due:%Y-%m-%d} on, when its "
        "labels are due."
    )


def as_json(story: Story) -> dict[str, Any]:
    """A story for programs."""
    return {
        "pipeline": story.pipeline.name,
        "model": story.model.name if story.model else None,
        "metric": story.metric or None,
        "sentences": sentences(story),
        "partitions": [
            {
                "partition": line.window,
                "rows_in": line.rows_in,
                "quarantined": line.quarantined,
                "published": line.published,
                "champion": line.evidence.champion if line.evidence else None,
                "current": line.current,
                "first": line.first,
                "moved": report_table.drifted(line),
                "labels_due": line.labels_due.isoformat() if line.labels_due else None,
                "decision": line.decision.model_dump(mode="json") if line.decision else None,
                "answer": line.answer.model_dump(mode="json") if line.answer else None,
                "told": told_as_json(line.told),
            }
            for line in story.windows
        ],
        "unasked": [decision.model_dump(mode="json") for decision in story.unasked],
        "batches": [{**asdict(batch), "is_balanced": batch.is_balanced} for batch in story.batches],
    }


def told_as_json(told: DecisionStory | None) -> dict[str, Any] | None:
    """A decision in full, without what its partition has already."""
    if told is None:
        return None
    return {k: v for k, v in document(told).items() if k not in ("decision", "answer", "model")}
