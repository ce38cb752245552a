"""A model as decisions know it."""

from typing import Any

from headrace_schemas.declarations.model import Model

DECLARED: dict[str, Any] = {
    "name": "delay",
    "description": "Late or not.",
    "owner": "flights",
    "table": "gold.flights",
    "task": "binary",
    "target": "is_late",
    "event_time": "departs_at",
    "known_time": "known_at",
    "label_delay_days": 2,
    "features": ["carrier", "temp"],
    "split": {"holdout_days": 21, "first_after_partitions": 3},
    "gates": {"floors": {"auc": 0.6}, "champion": {"metric": "auc", "confidence": 0.9}},
    "monitors": {"performance": {"metric": "auc", "max_drop": 0.03}},
}


def delay(**changes: Any) -> Model:
    """A model of late flights, with changes to its declaration."""
    return Model.model_validate(DECLARED | changes)
