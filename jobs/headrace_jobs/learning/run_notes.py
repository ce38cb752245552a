"""What people read of a training in the registry's pages; jobs read the manifest and the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace_jobs.learning.manifest import Manifest
from headrace_schemas.wire.model_jobs import TrainSpec

LONGEST = 6000
"""Characters of a parameter's value that MLflow keeps."""


@dataclass(frozen=True)
class RunNotes:
    """A run of the registry in words.

    Attributes:
        name: What it is called in lists.
        text: What it is, in Markdown.
        params: What was chosen: the training's settings, the table and the window.
        metrics: What was counted; an evaluation adds what it measures.
    """

    name: str
    text: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def chosen(manifest: Manifest) -> dict[str, str]:
    """Which partitions were learnt from, where these are not all."""
    found = {"learn_from": manifest.learn_from, "left_out": ", ".join(manifest.left_out)}
    return {name: value[:LONGEST] for name, value in found.items() if value}


def notes_of(spec: TrainSpec, manifest: Manifest) -> RunNotes:
    """What a training that was asked for came to."""
    window, training = manifest.window, spec.model.training
    table = f"{manifest.table} version {manifest.table_version}"
    page = f" [The run in Airflow]({spec.run_page})." if spec.run_page else ""
    return RunNotes(
        name=f"{manifest.model} as of {manifest.as_of:%Y-%m-%d}",
        text=f"Learnt from {table}, known by {manifest.as_of.isoformat()}. Asked for by "
        f"`{spec.request_id}`, in run `{spec.run_id}`.{page}",
        params={
            "table": manifest.table,
            "table_version": str(manifest.table_version),
            "as_of": manifest.as_of.isoformat(),
            "train_start": window.train_start.isoformat(),
            "holdout_start": window.holdout_start.isoformat(),
            "holdout_end": window.holdout_end.isoformat(),
            **chosen(manifest),
            "features": str(len(manifest.features)),
            "num_workers": str(manifest.workers),
            "num_boost_round": str(training.num_boost_round),
            "seed": str(training.seed),
            **{name: str(value)[:LONGEST] for name, value in training.params.items()},
        },
        metrics={
            "train_rows": float(window.train_rows),
            "holdout_rows": float(window.holdout_rows),
        },
    )
