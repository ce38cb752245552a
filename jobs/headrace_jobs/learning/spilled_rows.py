"""A task's training rows on its local disk, which XGBoost reads as often as it wants.

`QuantileDMatrix` passes over its rows four times and keeps a byte or two of each value, so in memory
the rows themselves would be most of what a training takes.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pyarrow as pa
import xgboost
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class SpilledRows:
    """Labels and features in blocks of 32-bit floats, a block for each batch that came from Spark.

    The file has no name: it is gone with the process, however that ends.

    Args:
        folder: On the task's local disk.
        features: How many there are.
    """

    def __init__(self, folder: Path, features: int) -> None:
        self.features = features
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed with this object
        self._lengths: list[int] = []

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(self._lengths)

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep a batch: the label in its first column, a list of the features in the second.

        Raises:
            OSError: The disk is full.
        """
        labels, lists = batch.columns
        block = lists.flatten().to_numpy()
        for part in (labels.to_numpy(zero_copy_only=False), block):
            self._file.write(memoryview(part.astype(np.float32, copy=False)))
        self._lengths.append(len(labels))

    def blocks(self) -> Iterator[tuple[Floats, Floats]]:
        """Labels of shape (n,) and features of shape (n, features), in the order they came.

        One block without rows if there are none: XGBoost wants to know their shape.
        """
        self._file.seek(0)
        for length in self._lengths or [0]:
            labels = np.empty(length, np.float32)
            block = np.empty((length, self.features), np.float32)
            for part in (labels, block):
                self._file.readinto(part.view(np.uint8))
            yield labels, block

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


class Blocks(xgboost.DataIter):  # type: ignore[misc]  # it has no types
    """The blocks of spilled rows as XGBoost asks for them."""

    def __init__(self, rows: SpilledRows) -> None:
        super().__init__()
        self._rows = rows
        self._left = rows.blocks()

    def reset(self) -> None:
        """Begin anew."""
        self._left = self._rows.blocks()

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand the next block over; whether there was one."""
        block = next(self._left, None)
        if block is None:
            return False
        input_data(data=block[1], label=block[0])
        return True
