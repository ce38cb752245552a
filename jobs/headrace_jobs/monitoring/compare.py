"""A window beside those before it: inputs, incidents, the split of the loss, and challengers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.lake import tables
from headrace_jobs.learning import features
from headrace_jobs.learning.manifest import Feature
from headrace_jobs.learning.registry import LoadedModel
from headrace_jobs.learning.score import predicted_here
from headrace_jobs.monitoring import window_rows
from headrace_jobs.monitoring.learner import Learner, Rows
from headrace_jobs.monitoring.measure import (
    Past,
    Served,
    Window,
    measure,
    measure_results,
    slices_of,
)
from headrace_jobs.monitoring.window_rows import AT, HASH, PREDICTION, Counted, Values
from headrace_jobs.statistics.bin_counts import profile
from headrace_jobs.statistics.estimation import Scored
from headrace_jobs.statistics.references import input_signals
from headrace_jobs.statistics.sketches import ColumnSketch
from headrace_jobs.statistics.window_sketches import (
    keep_sketches,
    kept_sketches,
    sketches_of_rows,
    sketches_of_table,
)
from headrace_lake.ledger import monitoring
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.findings import judge_inputs
from headrace_schemas.decisions.profile import WindowProfile
from headrace_schemas.decisions.seasons import comparable, season_of
from headrace_schemas.decisions.signal import Signal
from headrace_schemas.partition import Partition
from headrace_schemas.planning.planner import matured_at
from headrace_schemas.wire.model_jobs import MonitorSpec

MOST_BEFORE = 120
"""Windows before that one is compared with: two years and more of weeks, ten of months."""

MOST_OF_SEASON = 26
"""The same of a special season: half a year of weekends."""

Sketches = Mapping[str, ColumnSketch]
"""Of a window, by column."""


@dataclass(frozen=True)
class Comparing:
    """One window, its champion, and what is at hand of both.

    Attributes:
        champion: That served it; None if none did.
        as_judged: The champion's booster that was judged on the holdout, and has not learnt from it.
        inputs: The champion's features; those that the model declares where none served.
        windows: Partitions of the feature table up to this one, oldest first.
        frame: The window's rows, or a sample.
        count: How many rows it has.
    """

    spark: SparkSession
    spec: MonitorSpec
    champion: LoadedModel | None
    as_judged: LoadedModel | None
    inputs: Sequence[Feature]
    windows: Sequence[Counted]
    frame: pd.DataFrame
    count: int

    def compared(self, evidence: MonitorEvidence) -> tuple[MonitorEvidence, WindowProfile]:
        """What the windows before say of this one: drift, incidents, what retraining would have gained."""
        sketched = self.sketched()
        if self.champion is not None:
            signals = (*self.drifted(sketched), *evidence.signals)
            evidence = evidence.model_copy(update={"signals": signals})
        values = self.values()
        past, served = self.past(values, evidence)
        moved = judge_inputs(self.spec.model.monitors.inputs, evidence).drifted
        window = self.window(values, self.profile(sketched))
        return measure(self.spec.model, window, past, served, evidence, moved)

    def results(self, evidence: MonitorEvidence) -> MonitorEvidence:
        """Of `compared`, what labels and challengers add."""
        values = self.values()
        past, served = self.past(values, evidence)
        window = self.window(values, WindowProfile(window=evidence.window, rows=self.count))
        return measure_results(self.spec.model, window, past, served, evidence)

    def values(self) -> Values:
        """Numbers for the values of categories, the champion's first."""
        found = Values(self.inputs)
        found.learnt()
        return found

    def sketched(self) -> dict[str, ColumnSketch]:
        """The window's sketches, which are kept: from the rows at hand, or else in one pass over all."""
        spec = self.spec
        if len(self.frame) >= self.count:
            rows = self.frame.iloc[np.argsort(self.frame[AT].to_numpy(), kind="stable")]
            columns = {each.name: rows[f"_input.{each.name}"] for each in self.inputs}
            found = sketches_of_rows(self.inputs, columns)
        else:
            table = tables.read(self.spark, spec.features, [spec.partition.key])
            found = sketches_of_table(table, self.inputs, spec.model.event_time)
        keep_sketches(
            spec.model.name,
            spec.sketches_uri,
            spec.partition.key,
            found,
            commit_note(spec),
            spec.history_days,
        )
        return found

    def drifted(self, sketched: Sketches) -> list[Signal]:
        """Signals on the champion's inputs."""
        spec = self.spec
        before = kept_sketches(
            spec.model.name, spec.sketches_uri, self.keys_before()[-MOST_BEFORE:]
        )
        learnt = [place for place, key in enumerate(before) if self.has_learnt(key)]
        effect = spec.model.monitors.inputs.psi
        return input_signals(self.inputs, sketched, list(before.values()), learnt, effect)

    def keys_before(self) -> list[str]:
        """Windows before that are not held, oldest first."""
        spec = self.spec
        return [
            window.key
            for window in self.windows
            if window.key < spec.partition.key and window.key not in spec.left_out
        ]

    def keys_compared(self) -> list[str]:
        """The newest of them that an incident is told by: of the window's own season where it is special."""
        own, special = self.spec.partition.key, self.spec.seasons
        most = MOST_OF_SEASON if season_of(own, special) else MOST_BEFORE
        return comparable(own, self.keys_before(), special)[-most:]

    def has_learnt(self, key: str) -> bool:
        """Whether the champion learnt from a window."""
        if self.champion is None:
            return False
        manifest = self.champion.manifest
        return (
            (manifest.learn_from is None or key >= manifest.learn_from)
            and key not in manifest.left_out
            and self.matured(key) <= manifest.as_of
        )

    def matured(self, key: str) -> datetime:
        """When the labels of a window had matured."""
        return matured_at(self.spec.model, Partition.parse(self.spec.partition.unit, key))

    def past(self, values: Values, evidence: MonitorEvidence) -> tuple[Past, Served | None]:
        """The windows before, and what the champion learnt from."""
        champion, upstream = self.champion, self.spec.upstream
        profiles, outside = self.windows_before()
        if champion is None or not evidence.labelled:
            served = None if champion is None else self.served(champion, (), values)
            return Past((), profiles, values.categories, outside, upstream), served
        before = window_rows.learnable(self.spec, self.windows)
        learnt = [self.has_learnt(window.key) for window in before]
        since = learnt.index(True) if any(learnt) else 0
        total = sum(window.labelled for window in before) + evidence.labelled
        learner = Learner.of(self.spec.model, values.categories, total)
        wanted = window_rows.shares(before, since, learner.most_rows)
        labelled = window_rows.labelled_before(self.spark, self.spec, values, before, wanted)
        own = tuple(rows for rows in labelled if self.has_learnt(rows.key))
        past = Past(labelled, profiles, values.categories, outside, upstream)
        return past, self.served(champion, own, values)

    def served(self, champion: LoadedModel, own: tuple[Rows, ...], values: Values) -> Served:
        """The champion as it is compared; with what it promised where it has predicted the window."""
        importances = {feature.name: feature.importance for feature in self.inputs}
        reference = None
        if self.as_judged is not None and self.frame[PREDICTION].notna().any():
            rows = window_rows.reference_frame(self.spark, self.spec, self.as_judged.manifest)
            seen = rows[[name for name in rows.columns if name.startswith("_own.")]]
            target = rows[features.TARGET].to_numpy(dtype=np.float64)
            numbers = values.numbers(rows).astype(np.float64)
            reference = Scored(numbers, predicted_here(self.as_judged, seen), target)
        return Served(champion.version, own, importances, reference)

    def windows_before(self) -> tuple[list[WindowProfile], bool]:
        """Profiles of earlier windows that are not held, oldest first.

        And whether the loss of the newest of them with labels lay outside its own estimate.
        """
        keys, spec = self.keys_compared(), self.spec
        if not keys:
            return [], False
        table, uri = monitoring(spec.model.name), spec.monitoring_uri
        if season_of(spec.partition.key, spec.seasons):  # they lie far apart
            kept = [row for key in keys for row in table.read(uri, key)]
        else:
            kept = table.read(uri, since=keys[0])
        rows = [row for row in kept if row.profile and row.window in keys]
        outside = False
        for row in reversed(rows):
            split = MonitorEvidence.model_validate_json(row.evidence).split
            if split is not None and split.concept is not None:
                outside = split.lies_outside
                break
        profiles = [WindowProfile.model_validate_json(row.profile or "") for row in rows]
        return profiles, outside

    def profile(self, sketched: Sketches) -> WindowProfile:
        """The partition's columns and deliveries as they are compared with those before."""
        gate = self.spec.gate
        return WindowProfile(
            window=self.spec.partition.key,
            rows=self.count,
            delivered=gate.rows_in if gate else None,
            quarantined=gate.quarantined / gate.rows_in if gate and gate.rows_in else None,
            columns=tuple(profile(feature, sketched[feature.name]) for feature in self.inputs),
        )

    def window(self, values: Values, found: WindowProfile) -> Window:
        """The partition's rows as they are compared."""
        spec, frame = self.spec, self.frame
        order = np.argsort(frame[HASH].to_numpy(), kind="stable")
        target = frame[features.TARGET].to_numpy(dtype=np.float64)[order]
        predicted = frame[PREDICTION].to_numpy(dtype=np.float64)[order]
        sliced = {name: f"_input.{name}" for name in window_rows.categories(self.inputs)}
        if spec.model.gates.slices is not None:
            sliced |= {name: f"_slice.{name}" for name in spec.model.gates.slices.columns}
        slices = slices_of(
            {name: frame[column].to_numpy(dtype=object)[order] for name, column in sliced.items()}
        )
        rows = Rows(spec.partition.key, values.numbers(frame)[order], target, self.count)
        return Window(rows, predicted, frame[AT].to_numpy()[order], found, slices)
