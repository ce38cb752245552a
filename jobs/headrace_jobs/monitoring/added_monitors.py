"""What monitors of extensions measure of a window, beside what Headrace measures itself."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.learning import features
from headrace_jobs.learning.manifest import Manifest
from headrace_schemas.decisions.signal import Signal
from headrace_schemas.declarations.extension_options import options_of
from headrace_schemas.declarations.monitors import MONITORS
from headrace_schemas.extension_errors import ExtensionInvalid
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.model_jobs import MonitorSpec


def signals(spark: SparkSession, spec: MonitorSpec, manifest: Manifest) -> tuple[Signal, ...]:
    """The signals of every added monitor of the model, in the declaration's order.

    Args:
        manifest: Of the champion that served the window.

    Raises:
        ExtensionInvalid: A monitor has no such function, or gives something else than signals.
    """
    model = spec.model
    if not model.monitors.added:
        return ()
    window = tables.read(spark, spec.features, [spec.partition.key])
    delivered = features.delivered_rows(
        tables.read(spark, spec.features),
        manifest.as_of,
        manifest.learn_from,
        manifest.left_out,
    )
    known = features.known_rows(delivered, model, manifest.as_of)
    before = F.col(quoted(model.event_time)) < features.instant(manifest.learnt_before)
    found: list[Signal] = []
    for asked in model.monitors.added:
        monitor = MONITORS.named(asked.name)
        measure = MONITORS.code(monitor, monitor.measure)
        measured = measure(window, known.where(before), options_of(monitor.options, asked.options))
        if not all(isinstance(signal, Signal) for signal in measured):
            problem = "it gives something else than signals"
            raise ExtensionInvalid(MONITORS.group, monitor.name, monitor.measure, problem)
        found += measured
    return tuple(found)
