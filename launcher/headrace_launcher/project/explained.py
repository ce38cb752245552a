"""The story of a decision in words and tables: the same for the terminal, a page and programs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from headrace_lake.decision_story import DecisionStory
from headrace_schemas.decisions.decision import Verdict, as_of_label
from headrace_schemas.decisions.signal import Question, Signal


@dataclass(frozen=True)
class Section:
    """A part of the story.

    Attributes:
        sentences: What it says.
        columns: Of its table.
        rows: Texts, one of each column.
    """

    title: str
    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def headline(story: DecisionStory) -> str:
    """The decision in one sentence."""
    decision = story.decision
    return f"{decision.model} {decision.window}: {story.verdict}, because {decision.reason}."


def sections(story: DecisionStory) -> list[Section]:
    """The story, the most important things first."""
    return [
        Section("What would have changed it", (alternative(story),)),
        Section("What served, and how it did", tuple(service(story))),
        incidents(story),
        challengers(story),
        inputs(story),
        Section("What the gate warned of", tuple(warned(story))),
        Section("What came of it", tuple(outcome(story))),
    ]


def document(story: DecisionStory) -> dict[str, Any]:
    """The story for programs: what the sections say, and the numbers themselves."""
    decision = story.decision
    return {
        "model": decision.model,
        "window": decision.window,
        "verdict": decision.verdict.value,
        "sentence": headline(story),
        "would_change": decision.would_change,
        "is_held": story.is_held,
        "sections": [asdict(section) for section in sections(story)],
        "inputs_by_harm": [signal.model_dump(mode="json") for signal in story.inputs],
        "gains": [asdict(gain) for gain in story.gains],
        "price": story.price,
        "decision": decision.model_dump(mode="json"),
        "evidence": story.evidence.model_dump(mode="json"),
        "releases": [one.model_dump(mode="json") for one in story.releases],
        "answer": story.answer.model_dump(mode="json") if story.answer else None,
    }


def alternative(story: DecisionStory) -> str:
    """What would have led to another verdict."""
    would = story.decision.would_change
    return f"{would[0].upper()}{would[1:]}." if would else "Nothing that was measured."


def service(story: DecisionStory) -> Iterator[str]:
    """The version that served, and its results."""
    evidence = story.evidence
    known = as_of_label(story.decision.as_of)
    if evidence.champion is None:
        yield f"No model served {evidence.window}: {evidence.rows:,} rows."
        return
    learnt = evidence.champion_as_of
    since = f", learnt from labels known by {as_of_label(learnt)}" if learnt else ""
    yield (
        f"Version {evidence.champion}{since}, served {evidence.rows:,} rows; "
        f"{evidence.labelled:,} had a label by {known}."
    )
    found = evidence.performance
    if found is None:
        yield f"Its results are not known: {evidence.unmeasured or 'no matured labels'}."
    else:
        first = "" if found.first is None else f"; the first model would have had {found.first:.3f}"
        yield (
            f"Its {found.metric} was {with_error(found.current, found.error)}, against "
            f"{with_error(found.reference, found.reference_error)} on its own holdout{first}."
        )
    if evidence.split is not None:
        yield f"{evidence.split.text}."
    for signal in story.signals(Question.RESULTS):
        yield f"{signal.text}{verdict_of(signal)}."


def with_error(value: float, error: float | None) -> str:
    """A metric with the interval of 95 % around it."""
    return f"{value:.3f}" if error is None else f"{value:.3f} ± {1.96 * error:.3f}"


def incidents(story: DecisionStory) -> Section:
    """The signs that the data is broken."""
    found = story.evidence.incidents
    if not found:
        return Section("Data incidents", ("None.",))
    rows = tuple(
        (
            one.sign,
            one.subject or "all rows",
            one.scope.value,
            number(one.value),
            interval(one.low, one.high),
            f"{one.weight:.0%}",
        )
        for one in found
    )
    columns = ("sign", "where", "scope", "measured", "its history allows", "importance")
    return Section("Data incidents", tuple(f"{one.text}." for one in found), columns, rows)


def challengers(story: DecisionStory) -> Section:
    """What a retrained model would have gained, against what a retraining costs."""
    title = "What retraining would gain"
    if not story.gains or story.price is None:
        why = story.evidence.no_gains or "no challenger was compared"
        return Section(title, (f"Not known: {why}.",))
    best = story.gains[0]
    judged = "more than" if best.low > story.price else "not more than"
    said = (
        f"A retraining pays from {story.price:.4f} a window on. The best founded challenger, "
        f"{best.family}, gains at least {best.low:.4f}: {judged} that."
    )
    rows = tuple(
        (
            gain.family,
            gain.since,
            str(gain.windows),
            f"{gain.rows:,}",
            f"{gain.mean:.4f}",
            f"{gain.low:.4f}",
            "yes" if gain.low > story.price else "no",
        )
        for gain in story.gains
    )
    columns = ("learns from", "since", "windows", "rows", "gain", "at least", "pays")
    return Section(title, (said,), columns, rows)


def inputs(story: DecisionStory) -> Section:
    """Inputs in order of harm."""
    found, title = story.inputs, "Inputs, in order of harm"
    if not found:
        return Section(title, ("They were not compared with anything.",))
    drifted = [one for one in found if one.counts]
    share = story.evidence.moved_importance
    said = f"{len(drifted)} of {len(found)} drifted; {share:.0%} of the importance lies in them."
    rows = tuple(
        (
            one.subject,
            one.method,
            number(one.value),
            interval(one.low, one.high),
            "-" if one.threshold is None else f"{one.threshold:g}",
            "-" if one.weight is None else f"{one.weight:.1%}",
            "drifted" if one.counts else one.why_not or "still",
        )
        for one in found
    )
    columns = ("input", "measure", "value", "interval", "counts from", "importance", "found")
    return Section(title, (said,), columns, rows)


def warned(story: DecisionStory) -> Iterator[str]:
    """What the gate of the features let through with a warning."""
    found = story.signals(Question.DATA)
    yield from (f"{signal.text}." for signal in found)
    if not found:
        yield "Nothing."


def outcome(story: DecisionStory) -> Iterator[str]:
    """What followed from the decision."""
    decision, answer = story.decision, story.answer
    for release in story.releases:
        yield f"{release.reason[0].upper()}{release.reason[1:]}."
    if story.is_held:
        yield f"Its rows are held still: release.{decision.model} asks a person about them."
    elif decision.verdict is Verdict.HOLD and not story.releases:
        yield "Its rows are learnt from again: what was off has become the new normal."
    if answer is not None:
        yield f"Version {answer.model_version} was trained, and {answer.verdict.value}d: {answer.reason}."
    elif decision.verdict is Verdict.TRAIN:
        yield "The training has not been answered yet."
    elif decision.verdict in (Verdict.KEEP, Verdict.WAIT, Verdict.WATCH):
        yield "Nothing was trained."


def verdict_of(signal: Signal) -> str:
    """Whether a signal counts, in words."""
    if signal.why_not is not None:
        return f": not to be relied on, as {signal.why_not}"
    return ": that counts" if signal.counts else ""


def interval(low: float | None, high: float | None) -> str:
    """A range in words; a dash where it has no end at all."""
    below = None if low is None or not isfinite(low) else number(low)
    above = None if high is None or not isfinite(high) else number(high)
    if below and above:
        return f"{below} to {above}"
    return f"from {below}" if below else f"up to {above}" if above else "-"


def number(value: float) -> str:
    """A measured value for people."""
    return f"{value:.4g}"
