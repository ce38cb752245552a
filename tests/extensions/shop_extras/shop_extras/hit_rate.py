"""How `hit_rate` is measured; only Spark's side imports it."""

import numpy as np
from numpy.typing import NDArray


def measure(target: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """The share of rows on whose side of a half the prediction lies."""
    return float(((predicted >= 0.5) == (target == 1)).mean())
