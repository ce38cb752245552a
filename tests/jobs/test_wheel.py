"""A third party's wheel adds a job, a source, a metric and a monitor, which work on both engines."""

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from headrace_jobs.engine import runner
from headrace_jobs.learning import evaluate
from headrace_jobs.monitoring import monitor
from headrace_jobs.statistics import metrics
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken, SourceInvalid
from headrace_schemas.wire.jobs import JOBS, read_report
from headrace_schemas.wire.spec import PinnedTable
from tests.distributions import install, on_path
from tests.jobs.batches import Batch, contract
from tests.jobs.hosts import job_host, until
from tests.jobs.learning import (
    MAY_3,
    Learned,
    evaluate_spec,
    head,
    model,
    monitor_spec,
    publish,
)

pytestmark = pytest.mark.spark

SHOP_EXTRAS = Path(__file__).parents[1] / "extensions" / "shop_extras"


@pytest.fixture(autouse=True, scope="module")
def shop_extras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The wheel, installed for this process and for those that it starts."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder, SHOP_EXTRAS)
    with on_path(folder):
        yield folder


def profile_spec(spark: SparkSession, folder: Path) -> Any:
    """Asks for a table of two rows, one of them without a name."""
    uri = str(folder / "shops")
    frame = spark.createDataFrame([("a", 1), (None, 2)], "name STRING, number INT")
    frame.write.format("delta").save(uri)
    table = PinnedTable(name="gold.shops", uri=uri, version=0)
    return JOBS.named("profile").spec(**head("profile"), table=table)  # type: ignore[call-arg]  # of the wheel's own class


def asked(spec: Any, folder: Path) -> Path:
    directory = folder / "jobs" / spec.job_id
    directory.mkdir(parents=True)
    (directory / "spec.json").write_text(spec.model_dump_json())
    return directory


def check_profile(directory: Path) -> None:
    report = read_report((directory / "report.json").read_text())
    assert (type(report).__name__, report.status) == ("ProfileReport", "succeeded")
    assert (report.rows, report.empty) == (2, {"name": 1, "number": 0})


def test_job_of_the_wheel_runs_on_either_engine(engine: SparkSession, tmp_path: Path) -> None:
    directory = asked(profile_spec(engine, tmp_path), tmp_path)
    assert runner.run_job(directory, lambda _: nullcontext(engine)) == 0
    engine.conf.unset(runner.COMMIT_NOTE)
    check_profile(directory)


def test_job_of_the_wheel_runs_warm_when_the_host_is_asked(
    spark: SparkSession, connect_url: str, tmp_path: Path
) -> None:
    directory = asked(profile_spec(spark, tmp_path), tmp_path)
    with (
        job_host(connect_url, tmp_path) as (process, path),
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(str(path))
        client.sendall(json.dumps({"job_dir": str(directory)}).encode() + b"\n")
        assert json.loads(client.makefile().readline())["pid"] > 0
        until((directory / "rc").exists, process)
    check_profile(directory)


def test_report_of_another_job_is_refused(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = profile_spec(spark, tmp_path)
    directory = asked(spec, tmp_path)
    monkeypatch.setattr(import_module("shop_extras.profile"), "run", lambda *_: spec)
    assert runner.run_job(directory, lambda _: nullcontext(spark)) == 1
    spark.conf.unset(runner.COMMIT_NOTE)
    error = read_report((directory / "report.json").read_text()).error
    assert error.type == "ExtensionInvalid"
    assert "it reports a ProfileSpec, not a ProfileReport" in error.message


LINES = (
    {"row": {"meter": "a", "read_at": "2024-05-01T00:00:00Z", "kilowatts": 1.5, "phase": 1}},
    {"row": {"meter": "b", "read_at": "2024-05-02T00:00:00Z", "kilowatts": "x", "phase": 2}},
)


def json_batch(spark: SparkSession, folder: Path) -> Batch:
    source = Source(
        files="readings/*.json*", format="json_lines", options={"inside": "row"}, decimal=","
    )
    return Batch(spark, folder, contract(folder), source=source)


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_source_of_the_wheel_is_cast_like_any_other(engine: SparkSession, tmp_path: Path) -> None:
    batch = json_batch(engine, tmp_path)
    packed = gzip.compress(lines({"row": {**LINES[0]["row"], "kilowatts": "2,5"}}).encode())
    files = (
        batch.deliver(lines(*LINES), "one.json"),
        batch.deliver(packed, "two.json.gz"),
    )
    report = batch.load(*files)
    assert (report.counts.rows_in, report.metrics["rows_not_readable"]) == (3, 2)
    found = {
        (Path(str(row["_source_file"])).name, row["meter"]): (
            row["kilowatts"],
            row["_load_failures"],
        )
        for row in batch.staged_rows()
    }
    assert found == {
        ("one.json", "a"): (None, ["kilowatts.type"]),  # 1.5, where numbers have a comma
        ("one.json", "b"): (None, ["kilowatts.type"]),
        ("two.json.gz", "a"): (2.5, []),
    }


def test_batch_is_refused_when_the_manifest_counts_other_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = json_batch(spark, tmp_path)
    file = batch.deliver(lines(*LINES), "one.json")
    batch.deliver('{"rows": 3}', "one.json.manifest.json")
    with pytest.raises(SourceInvalid, match="2 rows are read of 3"):
        batch.load(file)


def test_batch_is_refused_when_the_source_lacks_a_column(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = json_batch(spark, tmp_path)
    with pytest.raises(SchemaBroken, match=r"one\.json lacks columns of the contract: phase"):
        batch.load(
            batch.deliver(
                lines({"row": {"meter": "a", "read_at": "2024-05-01", "kilowatts": "1"}}),
                "one.json",
            )
        )


def test_metric_of_the_wheel_decides_on_a_candidate(engine: SparkSession, learned: Learned) -> None:
    gates = {"floors": {"hit_rate": 0.99}, "champion": {"metric": "hit_rate", "resamples": 50}}
    judged = model("late", gates=gates)
    spec = evaluate_spec(learned.spec, learned.version, learned.version)

    report = evaluate.run(engine, spec.model_copy(update={"model": judged}))

    evidence = report.promotion_evidence
    assert list(evidence.metrics) == ["auc", "pr_auc", "logloss", "brier", "hit_rate"]
    assert 0.6 < evidence.metrics["hit_rate"] < 0.9
    assert evidence.comparison is not None
    assert (evidence.comparison.metric, evidence.comparison.share_better) == ("hit_rate", 0.0)
    decision = decide_promotion(judged, evidence, [], MAY_3, "run-2")
    assert decision.verdict is Verdict.REFUSE
    assert decision.reason.startswith("hit_rate 0.")
    assert decision.reason.endswith("misses the floor 0.99")


def test_metric_of_the_wheel_is_resampled_as_if_it_knew_weights() -> None:
    random = np.random.default_rng(3)
    target = (random.random(2_000) < 0.5).astype(float)
    good = np.where(random.random(2_000) < 0.9, target, 1 - target)
    bad = np.where(random.random(2_000) < 0.8, target, 1 - target)
    asked_of = ("hit_rate", target)
    assert (metrics.resampled_gains(*asked_of, good, bad, 60, 7) > 0).all()
    assert (metrics.resampled_gains(*asked_of, bad, good, 60, 7) < 0).all()
    error = metrics.standard_error(*asked_of, good)
    assert error == metrics.standard_error(*asked_of, good)
    share = (good == target).mean()
    # A share's own formula, as Poisson counts resample it.
    assert error == pytest.approx(np.sqrt(share * (1 - share) / 2_000), rel=0.3)


def watched(name: str, most: float) -> Any:
    added = [{"name": "missing_values", "options": {"column": "wind", "most": most}}]
    performance = {"metric": "auc", "max_drop": 0.05}
    return model(name, monitors={"performance": performance, "added": added})


def test_monitor_of_the_wheel_trains_when_its_signal_counts(
    engine: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    rows = learned.rows.copy()
    april = rows["starts_at"] >= pd.Timestamp("2024-04-01", tz="UTC")
    rows.loc[april & (rows.index % 2 == 0), "wind"] = np.nan
    features = publish(engine, tmp_path / "features", rows)
    asked_of = (features, None, tmp_path / "monitoring", learned.version)

    report = monitor.run(engine, monitor_spec(watched("late", 0.2), *asked_of))

    *_, signal = report.monitor_evidence.signals
    assert (signal.question.value, signal.subject) == ("inputs", "wind")
    assert 0.35 < signal.low < signal.value < signal.high < 0.55
    kept = engine.read.format("delta").load(str(tmp_path / "monitoring")).first()
    assert kept is not None
    assert MonitorEvidence.model_validate_json(kept["evidence"]) == report.monitor_evidence
    decision = decide_retraining(watched("late", 0.2), report.monitor_evidence, (), MAY_3)
    assert decision.verdict is Verdict.WATCH
    assert "missing_values of wind 0.4" in decision.reason

    calm = monitor.run(engine, monitor_spec(watched("late", 0.9), *asked_of))
    decision = decide_retraining(watched("late", 0.9), calm.monitor_evidence, (), MAY_3)
    assert "missing_values" not in decision.reason
