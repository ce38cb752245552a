"""Metric `hit_rate`: the share of rows whose class is the more probable one."""

from headrace_schemas.declarations.metrics import Metric

HIT_RATE = Metric(
    "hit_rate",
    tasks=("binary",),
    higher_is_better=True,
    least=0,
    most=1,
    measure="shop_extras.hit_rate:measure",
)
