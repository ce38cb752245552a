"""A grid of buckets that all numbers share, so that counts of any two windows can be added and compared.

How it works: the bits of a 32-bit float, read as a whole number, rise with it. A bucket is the numbers
that agree in all but the last `shift` bits. Half as fine a grid has buckets of two each, so counts on
the finer one give those on the coarser one, exactly. This is the uniform collapse of a sketch with
relative accuracy (C. Masson, J. Rim, H. Lee, DDSketch, PVLDB 12, 2019; I. Epicoco and others,
UDDSketch, IEEE Access 8, 2020) on powers of two.
"""

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]

MAGNITUDE = 0x7FFFFFFF

MOST_SHIFT = 23
"""With it a bucket is a whole octave, and there are no more than 511."""


def keys_of(numbers: NDArray[np.float32]) -> Keys:
    """Whole numbers that are ordered as the floats are, and equal where they are; both zeros are 0.

    Args:
        numbers: Without NaN; may be infinite.
    """
    bits = np.ascontiguousarray(numbers, dtype=np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & MAGNITUDE), bits)


def numbers_of(keys: Keys) -> NDArray[np.float32]:
    """The floats that `keys_of` made the keys of."""
    bits = np.where(keys < 0, -keys | (MAGNITUDE + 1), keys).astype(np.uint32)
    return bits.view(np.float32)


def coarser(keys: Keys, bits: int) -> Keys:
    """The buckets that keys or buckets fall into on a grid so many bits coarser."""
    return np.asarray(np.sign(keys) * (np.abs(keys) >> bits))


def bounds(buckets: Keys, shift: int) -> tuple[Keys, Keys]:
    """Least and greatest key of each bucket; the bucket of zero reaches to both sides."""
    inner, outer = np.abs(buckets) << shift, ((np.abs(buckets) + 1) << shift) - 1
    least = np.where(buckets > 0, inner, -outer)
    return least, np.where(buckets < 0, -inner, outer)
