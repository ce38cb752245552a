"""Every Airflow asset, in one place, so that a name and its URI never part."""

from airflow.sdk import Asset, AssetWatcher

from headrace_airflow.triggers.retrain_request import RetrainRequestWatchTrigger

SCHEME = "x-headrace://"
"""A private scheme: Airflow leaves such URIs as they are."""


def table_asset(table: str) -> Asset:
    """A published version of `layer.table`; its events carry rows, version and partition."""
    layer, _, name = table.partition(".")
    return Asset(name=table, uri=f"{SCHEME}lake/{layer}/{name}", group="tables")


def predictions_asset(model: str) -> Asset:
    """A scored partition."""
    return Asset(name=f"predictions.{model}", uri=f"{SCHEME}predictions/{model}", group="models")


def candidate_asset(model: str) -> Asset:
    """An evaluated model version that waits for a person's approval."""
    return Asset(name=f"candidate.{model}", uri=f"{SCHEME}candidates/{model}", group="models")


def hold_asset(model: str) -> Asset:
    """A window with a data incident, whose rows are held: a hint only, the ledger is the truth."""
    return Asset(name=f"hold.{model}", uri=f"{SCHEME}holds/{model}", group="models")


def retrain_asset(model: str) -> Asset:
    """An open request to train: a hint only, the ledger is the truth.

    It is watched, so that a request is heard although nobody runs a Dag for it.
    """
    return Asset(
        name=f"retrain.{model}",
        uri=f"{SCHEME}retrain/{model}",
        group="models",
        watchers=[
            AssetWatcher(
                name=f"{model}_retrain_request", trigger=RetrainRequestWatchTrigger(model=model)
            )
        ],
    )
