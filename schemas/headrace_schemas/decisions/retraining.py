"""Whether a model is retrained: a pure function of evidence, policy and what was decided before.

It knows nothing of Airflow or Spark, so it can be replayed over history. In order: is the window an
incident, then nothing is learnt from it; may a training be asked for at all; does one pay, as measured;
and where that cannot be measured, did results get worse. Inputs that drifted ask for nothing by
themselves: most drift is harmless, and harm shows as loss or as gain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headrace_schemas.decisions.confidence import LEAST_DUE
from headrace_schemas.decisions.decision import (
    Decision,
    Kind,
    Verdict,
    as_of_label,
    champion_at,
    open_request,
    promotions,
)
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.evidence_codec import newest_evidence
from headrace_schemas.decisions.findings import Findings, findings_of
from headrace_schemas.decisions.first_model import waits_for
from headrace_schemas.decisions.gains import (
    ALL,
    WITH_ALL,
    PooledGain,
    cost_of,
    pooled_gains,
)
from headrace_schemas.decisions.holds import blocks, held_windows
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.training_windows import champion_learns_from
from headrace_schemas.declarations.model import Model

PATIENCE = 3
"""Windows after which a request that nobody answered is asked anew, with what is known by then."""

REMEMBERED = 12
"""Windows before by which is told what a challenger gains by knowing the window itself."""

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason.

    Attributes:
        would_change: What would have made it another one; None where nothing would.
        learn_from: Key of the first window to learn from; None for all.
        measured_gain: Lower bound of the gain a window that a verdict to train rests on, if it does.
    """

    verdict: Verdict
    reason: str
    would_change: str | None = None
    learn_from: str | None = None
    measured_gain: float | None = None


def decide_retraining(
    model: Model, evidence: MonitorEvidence, history: Sequence[Decision], as_of: datetime
) -> Decision:
    """Whether the model is retrained, and why.

    Args:
        history: Earlier decisions of the model; those at or after `as_of` are not looked at,
            but for releases, which count whenever they were given.
    """
    earlier = [
        decision
        for decision in history
        if decision.model == model.name
        and (decision.as_of < as_of or decision.kind is Kind.RELEASE)
    ]
    judged = weigh(model, evidence, earlier, as_of)
    return Decision(
        id=f"{model.name}/retraining/{evidence.window}/{as_of_label(as_of)}",
        model=model.name,
        kind=Kind.RETRAINING,
        window=evidence.window,
        as_of=as_of,
        verdict=judged.verdict,
        reason=judged.reason,
        would_change=judged.would_change,
        learn_from=judged.learn_from,
        measured_gain=judged.measured_gain,
        model_version=evidence.champion,
        evidence=canonical(evidence),
        policy=model.model_dump_json(include={"monitors", "retraining", "split"}),
    )


def weigh(
    model: Model, evidence: MonitorEvidence, earlier: Sequence[Decision], as_of: datetime
) -> Judgement:
    """Verdict and reason of `decide_retraining`."""
    if held := holding(model, evidence, earlier, as_of):
        return judge_incident(held)
    if (early := before_a_champion(model, evidence, earlier)) is not None:
        return early
    if (kept := not_now(model, evidence, earlier, as_of)) is not None:
        return kept
    judged, served = evidence.judged, served_windows(model, evidence, earlier)
    if judged is None or not served:
        expected = f"; {evidence.split.text}" if evidence.split else ""
        return Judgement(
            Verdict.WATCH,
            f"too early: {evidence.due or 0:.0%} of the labels that will come are known, and fast labels are "
            f"no fair sample; a window counts from {LEAST_DUE:.0%} on{expected}",
            "a longer `label_delay_days`",
        )
    found = findings_of(model, evidence, served)
    gains = measured_gains(model, evidence, served, earlier)
    if gains and judged.base_loss is not None:
        return judge_gain(model, found, gains[0], judged.base_loss)
    return judge_without_gain(model, judged, found, as_of, earlier)


def holding(
    model: Model, evidence: MonitorEvidence, earlier: Sequence[Decision], as_of: datetime
) -> tuple[Incident, ...]:
    """The incidents that hold the window; none where they have stayed for so long that they are normal."""
    if not any(map(blocks, evidence.incidents)):
        return ()
    asked = Decision(
        id=evidence.window,
        model=model.name,
        kind=Kind.RETRAINING,
        window=evidence.window,
        as_of=as_of,
        verdict=Verdict.WAIT,
        reason="",
        evidence=canonical(evidence),
    )
    found = held_windows([*earlier, asked], model.name, model.retraining.normal_after_windows)
    return found.get(evidence.window, ())


def judge_incident(held: Sequence[Incident]) -> Judgement:
    """A window that is not to be believed asks for nothing."""
    labels = any(incident.scope is Scope.LABEL for incident in held)
    signs = [incident.text for incident in held]
    what = "labels are held, and with them training and promotion" if labels else "rows are held"
    return Judgement(
        Verdict.HOLD,
        f"data incident: {'; '.join(signs)}; the window's {what}",
        "a corrected delivery, or a person who confirms that the change is real",
    )


def before_a_champion(
    model: Model, evidence: MonitorEvidence, earlier: Sequence[Decision]
) -> Judgement | None:
    """What is decided while nothing serves; None once a champion has served the window."""
    if evidence.champion is not None:
        return None
    if promoted := promotions(earlier, model.name):
        version = promoted[-1].model_version
        return Judgement(
            Verdict.KEEP, f"version {version} serves now, though it did not serve this window"
        )
    partitions, rows = evidence.matured_partitions, evidence.known_rows
    if waited := waits_for(model.split, partitions, rows, evidence.known_positive):
        return Judgement(Verdict.WAIT, f"no model yet: {waited}", "more history")
    if (asked := unanswered(model, earlier)) is not None:
        return asked
    counted = "" if rows is None else f" with {rows} labelled rows"
    return Judgement(
        Verdict.TRAIN, f"no model yet, and {partitions} partitions of history{counted} are there"
    )


def not_now(
    model: Model, evidence: MonitorEvidence, earlier: Sequence[Decision], as_of: datetime
) -> Judgement | None:
    """Why no training may be asked for, whatever was measured; None if one may."""
    serving = champion_at(earlier, model.name, as_of)
    if serving is not None and serving != evidence.champion:
        return Judgement(
            Verdict.KEEP, f"version {serving} serves now, though it did not serve this window"
        )
    if (asked := unanswered(model, earlier)) is not None:
        return asked
    trained = [decision.as_of for decision in earlier if decision.verdict is Verdict.TRAIN]
    policy, latest = model.retraining, max(trained, default=None)
    if latest is not None and as_of - latest < timedelta(days=policy.cooldown_days):
        return Judgement(
            Verdict.KEEP,
            f"cooldown: trained at {as_of_label(latest)}, {policy.cooldown_days:g} days must pass",
        )
    within = [asked for asked in trained if as_of - asked < YEAR]
    if len(within) >= policy.most_a_year:
        return Judgement(
            Verdict.KEEP,
            f"budget: {len(within)} trainings were asked for within a year, {policy.most_a_year} allowed",
            f"a larger `retraining.most_a_year`, or {as_of_label(min(within) + YEAR)}",
        )
    refused = refusals(earlier)
    if refused and (wanted := 2 ** (len(refused) - 1)) > (since := windows_since(earlier, refused)):
        return Judgement(
            Verdict.KEEP,
            f"{len(refused)} candidates in a row were refused, the last one because: "
            f"{refused[-1].reason}; new evidence is waited for, {since} of {wanted} windows",
            f"{wanted - since} more windows",
        )
    return None


def unanswered(model: Model, earlier: Sequence[Decision]) -> Judgement | None:
    """That a training is asked for already, unless that is long ago."""
    asked = open_request(earlier, model.name)
    if asked is None or windows_since(earlier, [asked]) >= PATIENCE:
        return None
    return Judgement(Verdict.KEEP, f"a training is asked for already, by window {asked.window}")


def refusals(earlier: Sequence[Decision]) -> list[Decision]:
    """Candidates that were refused since the last promotion, oldest first."""
    judged = sorted(
        (decision for decision in earlier if decision.kind is Kind.PROMOTION),
        key=lambda decision: (decision.as_of, decision.id),
    )
    last = max((i for i, one in enumerate(judged) if one.verdict is Verdict.PROMOTE), default=-1)
    return judged[last + 1 :]


def windows_since(earlier: Sequence[Decision], decisions: Sequence[Decision]) -> int:
    """Windows that were decided on after the newest of some decisions, the present one included."""
    newest = max(decision.as_of for decision in decisions)
    return 1 + len(
        {
            decision.window
            for decision in earlier
            if decision.kind is Kind.RETRAINING and decision.as_of > newest
        }
    )


def served_windows(
    model: Model, evidence: MonitorEvidence, earlier: Sequence[Decision]
) -> list[MonitorEvidence]:
    """Results of the windows that the champion served since anything was learnt; oldest first.

    A training that was refused is knowledge as well: what was known before it has had its answer. Each
    window counts once, as it was known last, and where its labels are late from when they are due.
    """
    answered = answered_times(earlier)
    held = held_windows(earlier, model.name, model.retraining.normal_after_windows)
    since = [
        decision
        for decision in earlier
        if decision.kind is Kind.RETRAINING
        and decision.window != evidence.window
        and (not answered or decision.as_of > max(answered))
    ]
    found = [
        newest_evidence(decision, earlier)
        for decision in sorted(since, key=lambda d: (d.as_of, d.id))
    ]
    judged = {
        results.window: results
        for each in [*found, evidence]
        if (results := each.judged) is not None and results.champion == evidence.champion
    }
    return [judged[window] for window in sorted(judged) if window not in held]


def measured_gains(
    model: Model,
    evidence: MonitorEvidence,
    served: Sequence[MonitorEvidence],
    earlier: Sequence[Decision],
) -> list[PooledGain]:
    """What retraining would gain by each family of challengers, the one that is worth most first."""
    held = held_windows(earlier, model.name, model.retraining.normal_after_windows)
    decided = [
        decision
        for decision in sorted(earlier, key=lambda d: (d.as_of, d.id))
        if decision.kind is Kind.RETRAINING
        and decision.window != evidence.window
        and decision.window not in held
    ]
    before = [newest_evidence(decision, earlier) for decision in decided[-REMEMBERED:]]
    judged = [results for each in before if (results := each.judged) is not None]
    return pooled_gains(served, model.retraining, model.training.fewest_rows, judged)


def answered_times(earlier: Sequence[Decision]) -> list[datetime]:
    """When a training was asked for or a candidate decided on: what was known then has its answer."""
    return [
        decision.as_of
        for decision in earlier
        if decision.kind is Kind.PROMOTION or decision.verdict is Verdict.TRAIN
    ]


def judge_gain(model: Model, found: Findings, best: PooledGain, base_loss: float) -> Judgement:
    """Whether the best-founded gain is worth its cost."""
    policy = model.retraining
    cost = cost_of(policy, base_loss)
    lasts = best.lasts(policy.horizon_windows)
    worth, least = best.low * lasts, cost / lasts
    price = f"{lasts} windows of that are worth {worth:.4f}, a training costs {cost:.4f}"
    if worth > cost:
        since = None if best.family in (ALL, WITH_ALL) else best.since
        return Judgement(
            Verdict.TRAIN,
            f"retraining pays: {best.text}; {price}; {found.text}",
            f"a gain of less than {least:.4f} a window",
            since,
            best.low,
        )
    would = f"it would train at a gain of at least {least:.4f} a window; it is {best.low:.4f}"
    if found.is_noteworthy or best.low > 0:
        head = "worth watching" if found.is_noteworthy else "a gain that does not pay yet"
        return Judgement(Verdict.WATCH, f"{head}: {found.text}; {best.text}; {price}", would)
    return Judgement(Verdict.KEEP, f"nothing to gain: {best.text}; {found.text}", would)


def judge_without_gain(
    model: Model,
    evidence: MonitorEvidence,
    found: Findings,
    as_of: datetime,
    earlier: Sequence[Decision],
) -> Judgement:
    """What is decided where challengers could not be compared."""
    why = evidence.no_gains or "too few rows to compare challengers on"
    learn_from = champion_learns_from(earlier, model.name, as_of)
    if found.is_worse:
        return Judgement(
            Verdict.TRAIN,
            f"results got worse: {found.text}; what retraining gains is unknown: {why}",
            learn_from=learn_from,
        )
    limit = model.retraining.max_age_days
    learnt_at = evidence.champion_as_of
    if limit is not None and learnt_at is not None:
        age = as_of - max([learnt_at, *answered_times(earlier)])
        if age > timedelta(days=limit):
            return Judgement(
                Verdict.TRAIN,
                f"old: learnt, or tried to, {age.days} days ago, {limit:g} allowed; {found.text}; {why}",
                learn_from=learn_from,
            )
    verdict = Verdict.WATCH if found.is_noteworthy else Verdict.KEEP
    head = "worth watching" if found.is_noteworthy else "nothing to go by"
    return Judgement(verdict, f"{head}: {found.text}; {why}", "results that are surely worse")
