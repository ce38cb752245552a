"""The life of a model under Headrace's policy: by the product's own functions, without Spark."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd
from benchmarks.decisions.boosters import Boosters, as_column, importances, values_of
from benchmarks.decisions.worlds import DAYS, Month

from headrace_jobs.learning import features
from headrace_jobs.learning.evaluate import CHALLENGER, CHAMPION, compare
from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.monitoring.learner import Fitted, Rows
from headrace_jobs.monitoring.measure import Past, Served, Window, measure
from headrace_jobs.statistics import histograms, metrics
from headrace_jobs.statistics.bin_counts import profile
from headrace_jobs.statistics.estimation import Scored
from headrace_jobs.statistics.references import input_signals
from headrace_schemas.decisions.decision import Decision, Verdict, champion_at
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance, PromotionEvidence
from headrace_schemas.decisions.findings import judge_inputs
from headrace_schemas.decisions.holds import held_windows
from headrace_schemas.decisions.profile import WindowProfile
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.decisions.signal import Signal
from headrace_schemas.declarations.model import Model


@dataclass(frozen=True)
class Training:
    """A training that was asked for.

    Attributes:
        month: At whose end.
        learnt: Months that it learnt from.
        is_promoted: Whether what it gave serves.
    """

    month: int
    learnt: tuple[int, ...]
    is_promoted: bool


@dataclass
class Played:
    """What came of a policy.

    Attributes:
        losses: Mean loss of each month that a model served, on true labels.
        trainings: Without the first one.
        verdicts: By month, where there are any.
    """

    losses: list[float] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A model that serves or may serve.

    Attributes:
        windows: That it learnt from.
        reference: Its holdout, predicted by the candidate, which had not learnt from it.
        metrics: On its holdout.
        errors: Standard errors of these.
    """

    fitted: Fitted
    windows: tuple[Rows, ...]
    as_of: datetime
    reference: Scored
    metrics: dict[str, float]
    errors: dict[str, float | None]
    features: tuple[Feature, ...]


class Life:
    """One world lived through, month by month."""

    def __init__(self, boosters: Boosters, cost: float | None) -> None:
        """A life with a declared cost of a training, or the default."""
        self.boosters, self.scenario = boosters, boosters.scenario
        self.months = boosters.world.months
        self.model: Model = self.scenario.model(cost)
        self.history: list[Decision] = []
        self.versions: dict[str, Version] = {}
        self.profiles: dict[str, WindowProfile] = {}
        self.played = Played()

    def live(self) -> Played:
        """From the first month to the last."""
        for number, month in enumerate(self.months):
            served = champion_at(self.history, self.model.name, month.ends)
            version = None if served is None else self.versions[served]
            if number >= self.scenario.history:
                fitted = None if version is None else version.fitted
                self.played.losses.append(self.boosters.lost(fitted, month))
            evidence = self.measured(number, month, served, version)
            decision = decide_retraining(self.model, evidence, self.history, month.as_of)
            self.history.append(decision)
            self.played.verdicts[number] = decision.verdict
            self.played.reasons[number] = decision.reason
            if decision.verdict is Verdict.TRAIN:
                self.train(number, decision)
        return self.played

    def held(self) -> set[str]:
        """Windows that are not learnt from, as known now."""
        normal_after = self.model.retraining.normal_after_windows
        return set(held_windows(self.history, self.model.name, normal_after))

    def measured(
        self, number: int, month: Month, served: str | None, version: Version | None
    ) -> MonitorEvidence:
        """The evidence on a month."""
        held, rows = self.held(), month.seen(month.as_of)
        before = [one for one in self.months[:number] if one.key not in held]
        predicted, sketched = np.full(len(rows.target), np.nan), self.boosters.sketches(number)
        known = self.boosters.features if version is None else version.features
        evidence = MonitorEvidence(
            window=month.key,
            matured_partitions=number + 1,
            rows=len(rows.target),
            windows_a_year=365.25 / DAYS,
        )
        if version is not None:
            predicted = version.fitted.predict(month.numbers)
            update = {
                "champion": served,
                "champion_as_of": version.as_of,
                "signals": tuple(self.signals(number, version, held)),
                "performance": performance(self.model, version, rows, predicted),
            }
            evidence = evidence.model_copy(update=update)
        labelled = [one.labelled(month.as_of) for one in before]
        columns = tuple(profile(feature, sketched[feature.name]) for feature in known)
        evidence, self.profiles[month.key] = measure(
            self.model,
            Window(
                rows,
                predicted,
                month.day,
                WindowProfile(window=month.key, rows=len(month.target), columns=columns),
                self.slices(month),
            ),
            Past(
                [rows for rows in labelled if len(rows.target)],
                [self.profiles[one.key] for one in before],
                self.scenario.categories,
            ),
            None if version is None else as_served(served or "", version),
            evidence,
            judge_inputs(self.model.monitors.inputs, evidence).drifted,
            self.boosters.learner_of,
        )
        return evidence

    def signals(self, number: int, version: Version, held: set[str]) -> list[Signal]:
        """On the champion's inputs."""
        before = [i for i in range(number) if self.months[i].key not in held]
        own = {rows.key for rows in version.windows}
        learnt = [place for place, i in enumerate(before) if self.months[i].key in own]
        return input_signals(
            version.features,
            self.boosters.sketches(number),
            [self.boosters.sketches(i) for i in before],
            learnt,
            self.model.monitors.inputs.psi,
        )

    def slices(self, month: Month) -> dict[str, np.ndarray]:
        """Which rows have each of the categories' values."""
        return {
            f"{self.scenario.features[index]}={value}": month.numbers[:, index] == value
            for index in self.scenario.categories
            for value in values_of(month.numbers, index)
        }

    def train(self, number: int, request: Decision) -> None:
        """Fit a candidate, judge it on the newest rows, and refit what is promoted with them."""
        as_of, held = request.as_of, self.held()
        chosen = [
            index
            for index, month in enumerate(self.months[: number + 1])
            if month.key not in held and month.key >= (request.learn_from or "")
        ]
        start = (max(chosen) + 1) * DAYS - self.model.split.holdout_days
        learnt = self.rows(chosen, as_of, until=start)
        judged = self.rows(chosen, as_of, since=start)
        candidate = self.boosters.fit(learnt) if learnt and judged else None
        decision = self.decided(candidate, judged, request)
        is_promoted = decision.verdict is Verdict.PROMOTE
        if is_promoted and candidate is not None:
            everything = tuple(self.rows(chosen, as_of))
            self.versions[decision.window] = self.version(everything, as_of, judged, candidate)
        self.history.append(decision)
        self.played.reasons[number] += f" -> {decision.verdict}: {decision.reason}"
        if request.model_version is not None:
            self.played.trainings.append(Training(number, tuple(chosen), is_promoted))

    def decided(
        self, candidate: Fitted | None, judged: Sequence[Rows], request: Decision
    ) -> Decision:
        """Whether a candidate serves; none was fitted where rows are too few."""
        name, as_of = str(len(self.versions) + 1), request.as_of
        if candidate is None:
            evidence = PromotionEvidence(
                challenger=name, champion=None, holdout_rows=0, metrics={}, measured=0
            )
            return decide_promotion(self.model, evidence, self.history, as_of, request.id)
        champion = champion_at(self.history, self.model.name, as_of)
        holdout, predicted = scored(candidate, judged)
        frame = pd.DataFrame({features.TARGET: holdout.target, CHALLENGER: predicted})
        if champion is not None:
            frame[CHAMPION] = scored(self.versions[champion].fitted, judged)[1]
        evidence = PromotionEvidence(
            challenger=name,
            champion=champion,
            holdout_rows=len(predicted),
            metrics=metrics.measure_all(self.model.metrics, holdout.target, predicted),
            comparison=None if champion is None else compare(self.model, frame),
            measured=len(predicted),
            positive=metrics.positive(self.model.task, holdout.target),
            learn_from=request.learn_from,
        )
        return decide_promotion(self.model, evidence, self.history, as_of, request.id)

    def rows(
        self, months: Sequence[int], as_of: datetime, since: float = 0.0, until: float = np.inf
    ) -> list[Rows]:
        """Labelled rows of some months, by the day of the event."""
        found = [
            self.months[one].labelled(as_of, since - DAYS * one, until - DAYS * one)
            for one in months
        ]
        return [rows for rows in found if len(rows.target)]

    def version(
        self,
        windows: tuple[Rows, ...],
        as_of: datetime,
        judged: Sequence[Rows],
        candidate: Fitted,
    ) -> Version:
        """A promoted model, refitted, with what is kept of it."""
        fitted = self.boosters.fit(windows)
        assert fitted is not None
        holdout, predicted = scored(candidate, judged)
        found = metrics.measure_all(self.model.metrics, holdout.target, predicted)
        errors = {name: metrics.standard_error(name, holdout.target, predicted) for name in found}
        shares = importances(fitted, self.scenario.features)
        numbers = np.concatenate([part.numbers for part in windows])
        inputs = tuple(
            described(feature, numbers[:, index], shares[feature.name])
            for index, feature in enumerate(self.boosters.features)
        )
        return Version(fitted, windows, as_of, holdout, found, errors, inputs)


def scored(fitted: Fitted, rows: Sequence[Rows]) -> tuple[Scored, np.ndarray]:
    """Rows with a model's predictions."""
    numbers = np.concatenate([part.numbers for part in rows])
    target, predicted = np.concatenate([part.target for part in rows]), fitted.predict(numbers)
    return Scored(numbers.astype(np.float64), predicted, target), predicted


def described(feature: Feature, values: np.ndarray, importance: float) -> Feature:
    """A feature as the manifest has it."""
    codes = {}
    if feature.kind is FeatureKind.CATEGORY:
        codes = {str(value): value for value in map(int, values_of(values[:, None], 0))}
    found = feature.model_copy(update={"codes": codes, "importance": importance})
    histogram = histograms.reference(found, as_column(feature.kind, values))
    return found.model_copy(update={"histogram": histogram})


def as_served(name: str, version: Version) -> Served:
    """The champion as measuring knows it."""
    shares = {feature.name: feature.importance for feature in version.features}
    return Served(name, version.windows, shares, version.reference)


def performance(
    model: Model, version: Version, rows: Rows, predicted: np.ndarray
) -> Performance | None:
    """The metric on the month's labels beside the holdout's."""
    metric, known = model.monitors.performance.metric, ~np.isnan(rows.target)
    target, served = rows.target[known], predicted[known]
    current, reference = metrics.measure(metric, target, served), version.metrics.get(metric)
    if current is None or reference is None:
        return None
    return Performance(
        metric=metric,
        current=current,
        reference=reference,
        error=metrics.standard_error(metric, target, served),
        reference_error=version.errors.get(metric),
        reference_rows=len(version.reference.target),
    )
