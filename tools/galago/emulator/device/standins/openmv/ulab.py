# SPDX-License-Identifier: MIT
"""As much of `ulab` as ml needs: arrays of single floats that know their shape."""

from array import array


class ndarray:  # noqa: N801 (ulab's name)
    """Floats in one piece; indexing the first axis gives a copy of what is there."""

    def __init__(self, values, shape=None):
        self._values = values if isinstance(values, array) else array("f", values)
        self.shape = shape or (len(self._values),)

    @property
    def size(self):
        """How many floats there are."""
        return len(self._values)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        if len(self.shape) == 1:
            return self._values[index]
        step = len(self._values) // self.shape[0]
        return ndarray(self._values[index * step : (index + 1) * step], self.shape[1:])

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def flatten(self):
        """A copy with one axis."""
        return ndarray(self._values[:])

    def tolist(self):
        """As lists in lists."""
        return list(self._values) if len(self.shape) == 1 else [row.tolist() for row in self]


class numpy:  # noqa: N801
    """`from ulab import numpy as np`."""

    ndarray = ndarray

    @staticmethod
    def array(values):
        """An array of the floats in a list."""
        return ndarray(values)

    @staticmethod
    def argmax(values):
        """The index of the largest."""
        flat = values.tolist()
        return flat.index(max(flat))
