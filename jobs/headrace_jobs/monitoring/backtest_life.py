"""The life of a model under a policy: window by window, by the product's own functions, without Spark."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from headrace_jobs.learning import features
from headrace_jobs.learning.evaluate import (
    CHALLENGER,
    CHAMPION,
    compare,
    compare_constant,
    slice_columns,
)
from headrace_jobs.learning.holdout import STEPS, steps_of
from headrace_jobs.monitoring import window_rows
from headrace_jobs.monitoring.backtest_boosters import Boosters, importances
from headrace_jobs.monitoring.backtest_versions import (
    Version,
    as_served,
    described,
    performance,
    scored,
)
from headrace_jobs.monitoring.backtest_windows import PastWindow, days
from headrace_jobs.monitoring.learner import Fitted, Rows
from headrace_jobs.monitoring.measure import Past, Window, measure, measure_results
from headrace_jobs.monitoring.window_rows import Counted
from headrace_jobs.statistics import metrics
from headrace_jobs.statistics.bin_counts import profile
from headrace_jobs.statistics.references import input_signals
from headrace_schemas.decisions.confidence import LEAST_DUE
from headrace_schemas.decisions.decision import Decision, Verdict, champion_at
from headrace_schemas.decisions.evidence import MonitorEvidence, PromotionEvidence
from headrace_schemas.decisions.findings import judge_inputs
from headrace_schemas.decisions.holds import held_windows, special_seasons
from headrace_schemas.decisions.profile import WindowProfile
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.decisions.seasons import comparable
from headrace_schemas.decisions.signal import Signal
from headrace_schemas.declarations.model import Model, Task

YEAR = timedelta(days=365.25)


@dataclass(frozen=True)
class Training:
    """A training that was asked for.

    Attributes:
        window: At whose end.
        learnt: Windows that it learnt from.
        is_promoted: Whether what it gave serves.
    """

    window: int
    learnt: tuple[int, ...]
    is_promoted: bool


@dataclass
class Played:
    """What came of a policy, by the position of a window.

    Attributes:
        losses: Mean loss, of a constant where nothing served.
        trainings: Without the first one.
        served: Version that served the window, where one did.
        metrics: The monitored one of what served, on what is known of the labels by now.
    """

    losses: dict[int, float] = field(default_factory=dict)
    trainings: list[Training] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    served: dict[int, str] = field(default_factory=dict)
    metrics: dict[int, float] = field(default_factory=dict)


class Life:
    """One history lived through, window by window."""

    def __init__(self, boosters: Boosters, model: Model) -> None:
        """A life under the model's policy, whose boosters are given."""
        self.boosters, self.windows, self.model = boosters, boosters.windows, model
        self.history: list[Decision] = []
        self.versions: dict[str, Version] = {}
        self.profiles: dict[str, WindowProfile] = {}
        self.played = Played()

    def live(self) -> Played:
        """From the first window to the last."""
        played = self.played
        for number, window in enumerate(self.windows):
            served = champion_at(self.history, self.model.name, window.ends)
            version = None if served is None else self.versions[served]
            played.losses[number] = self.boosters.lost(
                None if version is None else version.fitted, window
            )
            evidence = self.measured(number, window, served, version)
            decision = decide_retraining(self.model, evidence, self.history, window.as_of)
            self.history.append(decision)
            played.verdicts[number] = decision.verdict
            played.reasons[number] = decision.reason
            if served is not None and version is not None:
                played.served[number] = served
                self.keep_metric(number, window, version)
            if decision.verdict is Verdict.TRAIN:
                self.train(number, decision)
        return played

    def keep_metric(self, number: int, window: PastWindow, version: Version) -> None:
        """The monitored metric of what served, where it is defined."""
        known = ~np.isnan(window.target)
        predicted = version.fitted.predict(window.numbers[known])
        metric = self.model.monitors.performance.metric
        found = metrics.measure(metric, window.target[known], predicted)
        if found is not None:
            self.played.metrics[number] = found

    def held(self) -> set[str]:
        """Windows that are not learnt from, as known now."""
        normal_after = self.model.retraining.normal_after_windows
        return set(held_windows(self.history, self.model.name, normal_after))

    def due(self, number: int, counted: Sequence[Counted]) -> float | None:
        """Of the labels of a window that will come, the share that is known."""
        return window_rows.due(counted, self.windows[number].key)

    def counted(self, number: int, as_of: datetime) -> list[Counted]:
        """The windows up to one, as they were known."""
        return [
            counted_at(window, as_of, self.model.task is Task.BINARY)
            for window in self.windows[: number + 1]
        ]

    def measured(
        self, number: int, window: PastWindow, served: str | None, version: Version | None
    ) -> MonitorEvidence:
        """The evidence on a window."""
        held, rows = self.held(), window.seen(window.as_of)
        predicted, sketched = np.full(len(rows.target), np.nan), self.boosters.sketches(number)
        known = self.boosters.features if version is None else version.features
        counted = self.counted(number, window.as_of)
        evidence = MonitorEvidence(
            window=window.key,
            matured_partitions=number + 1,
            rows=window.total,
            windows_a_year=YEAR / (window.ends - window.starts),
            due=self.due(number, counted),
            **({} if version else window_rows.known_by_now(counted)),
        )
        if version is not None:
            predicted = version.fitted.predict(window.numbers)
            update = {
                "champion": served,
                "champion_as_of": version.as_of,
                "signals": tuple(self.signals(number, version, held)),
                "performance": performance(self.model, version, rows, predicted),
            }
            evidence = evidence.model_copy(update=update)
        columns = tuple(profile(feature, sketched[feature.name]) for feature in known)
        found = WindowProfile(window=window.key, rows=window.total, columns=columns)
        evidence, self.profiles[window.key] = measure(
            self.model,
            Window(rows, predicted, window.at, found, window.sliced()),
            self.past(number, window.as_of, held),
            None if version is None else as_served(served or "", version),
            evidence,
            judge_inputs(self.model.monitors.inputs, evidence).drifted,
            self.boosters.learner_of,
        )
        if not evidence.is_due and version is not None and served is not None:
            matured = self.newest_matured(number, counted, served, version, held)
            evidence = evidence.model_copy(update={"matured": matured})
        return evidence

    def past(self, number: int, as_of: datetime, held: set[str]) -> Past:
        """What is known by then of the windows before one."""
        before = [one for one in self.windows[:number] if one.key not in held]
        # As in monitoring: what matured before the window's end, as the champion's did.
        ends = self.windows[number].ends
        labelled = [one.labelled(as_of) for one in before if one.as_of < ends]
        keys, normal_after = [one.key for one in before], self.model.retraining.normal_after_windows
        special = special_seasons(self.history, self.model.name, normal_after)
        return Past(
            [rows for rows in labelled if len(rows.target)],
            [self.profiles[key] for key in comparable(self.windows[number].key, keys, special)],
            self.boosters.categories,
        )

    def newest_matured(
        self,
        number: int,
        counted: Sequence[Counted],
        served: str,
        version: Version,
        held: set[str],
    ) -> MonitorEvidence | None:
        """Results of the newest window before that the champion served and whose labels are due now."""
        as_of = self.windows[number].as_of
        for earlier in reversed(range(number)):
            window, due = self.windows[earlier], self.due(earlier, counted)
            if window.key in held:
                continue
            if self.played.served.get(earlier) != served:
                return None
            if due is not None and due >= LEAST_DUE:
                break
        else:
            return None
        rows, predicted = window.seen(as_of), version.fitted.predict(window.numbers)
        found = WindowProfile(window=window.key, rows=window.total)
        evidence = MonitorEvidence(
            window=window.key,
            matured_partitions=earlier + 1,
            rows=window.total,
            champion=served,
            champion_as_of=version.as_of,
            windows_a_year=YEAR / (window.ends - window.starts),
            due=due,
            performance=performance(self.model, version, rows, predicted),
        )
        return measure_results(
            self.model,
            Window(rows, predicted, window.at, found),
            self.past(earlier, as_of, held),
            as_served(served, version),
            evidence,
            self.boosters.learner_of,
        )

    def signals(self, number: int, version: Version, held: set[str]) -> list[Signal]:
        """On the champion's inputs."""
        before = [i for i in range(number) if self.windows[i].key not in held]
        own = {rows.key for rows in version.windows}
        learnt = [place for place, i in enumerate(before) if self.windows[i].key in own]
        return input_signals(
            version.features,
            self.boosters.sketches(number),
            [self.boosters.sketches(i) for i in before],
            learnt,
            self.model.monitors.inputs.psi,
        )

    def train(self, number: int, request: Decision) -> None:
        """Fit a candidate, judge it on the newest rows, and refit what is promoted with them."""
        as_of, held = request.as_of, self.held()
        chosen = [
            index
            for index, window in enumerate(self.windows)
            if window.ends <= as_of
            and window.key not in held
            and window.key >= (request.learn_from or "")
        ]
        start = self.holdout_start(chosen, request)
        learnt = self.rows(chosen, as_of, until=start)
        judged = self.rows(chosen, as_of, since=start)
        candidate = self.boosters.fit(learnt) if learnt and judged else None
        slices = self.sliced(chosen, as_of, start)
        decision = self.decided(candidate, judged, slices, request)
        is_promoted = decision.verdict is Verdict.PROMOTE
        if is_promoted and candidate is not None:
            everything = tuple(self.rows(chosen, as_of))
            self.versions[decision.window] = self.version(everything, as_of, judged, candidate)
        self.history.append(decision)
        self.played.reasons[number] += f" -> {decision.verdict}: {decision.reason}"
        if request.model_version is not None:
            self.played.trainings.append(Training(number, tuple(chosen), is_promoted))

    def holdout_start(self, chosen: Sequence[int], request: Decision) -> float:
        """Where the holdout begins, in days since 1970, as a training has it."""
        rows = [
            (window.at[kept], window.target[kept])
            for window in (self.windows[one] for one in chosen)
            if (kept := window.is_labelled(request.as_of)).any()
        ]
        if not rows:
            return -np.inf
        at, target = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        first, last, asked = at.min(), at.max(), self.model.split.holdout_days
        if asked is not None:
            third = (last - first) / 3 if request.learn_from is not None else np.inf
            return float(last - min(asked, third))
        step = max((last - first) / STEPS, 1e-9)
        ago = np.floor((last - at) / step).astype(np.int64)
        newest = self.windows[max(chosen)]
        length = days(newest.ends) - days(newest.starts)
        counts = np.bincount(ago).tolist(), np.bincount(ago, weights=target == 1).tolist()
        steps = steps_of(*counts, int(-(-length // step)), self.model.task is Task.BINARY)
        return float(last - steps * step)

    def decided(
        self,
        candidate: Fitted | None,
        judged: Sequence[Rows],
        slices: dict[str, np.ndarray],
        request: Decision,
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
        frame = pd.DataFrame({features.TARGET: holdout.target, CHALLENGER: predicted, **slices})
        if champion is not None:
            frame[CHAMPION] = scored(self.versions[champion].fitted, judged)[1]
        asks_more = champion is None and not self.model.gates.floors
        evidence = PromotionEvidence(
            challenger=name,
            champion=champion,
            holdout_rows=len(predicted),
            metrics=metrics.measure_all(self.model.metrics, holdout.target, predicted),
            comparison=None if champion is None else compare(self.model, frame),
            baseline=compare_constant(self.model, frame) if asks_more else None,
            measured=len(predicted),
            positive=metrics.positive(self.model.task, holdout.target),
            learn_from=request.learn_from,
        )
        return decide_promotion(self.model, evidence, self.history, as_of, request.id)

    def rows(
        self,
        windows: Sequence[int],
        as_of: datetime,
        since: float = -np.inf,
        until: float = np.inf,
    ) -> list[Rows]:
        """Labelled rows of some windows, by the day of the event."""
        found = [self.windows[one].labelled(as_of, since, until) for one in windows]
        return [rows for rows in found if len(rows.target)]

    def sliced(
        self, windows: Sequence[int], as_of: datetime, since: float
    ) -> dict[str, np.ndarray]:
        """What slices the holdout's rows belong to, as the gate reads it."""
        parts = [
            (self.windows[one], self.windows[one].is_labelled(as_of, since)) for one in windows
        ]
        return {
            f"_slice.{column}": np.concatenate([one.slices[column][kept] for one, kept in parts])
            for column in (slice_columns(self.model) if parts else ())
        }

    def version(
        self,
        windows: tuple[Rows, ...],
        as_of: datetime,
        judged: Sequence[Rows],
        candidate: Fitted,
    ) -> Version:
        """A promoted model, refitted where that is declared, with what is kept of it."""
        fitted = self.boosters.fit(windows) if self.model.training.refit else candidate
        assert fitted is not None  # noqa: S101 - for the type checker: the candidate had fewer rows
        holdout, predicted = scored(candidate, judged)
        found = metrics.measure_all(self.model.metrics, holdout.target, predicted)
        errors = {name: metrics.standard_error(name, holdout.target, predicted) for name in found}
        shares = importances(fitted, self.model.features)
        numbers = np.concatenate([part.numbers for part in windows])
        inputs = tuple(
            described(feature, numbers[:, index], shares[feature.name])
            for index, feature in enumerate(self.boosters.features)
        )
        return Version(fitted, windows, as_of, holdout, found, errors, inputs)


def counted_at(window: PastWindow, as_of: datetime, is_binary: bool) -> Counted:
    """A window as it was counted at a time, from a sample where there is no more."""
    kept = window.is_known(as_of)
    scale = window.total / max(len(kept), 1)
    positive = round(float((window.target[kept] == 1).sum()) * scale) if is_binary else None
    return Counted(window.key, window.total, round(float(kept.sum()) * scale), positive)
