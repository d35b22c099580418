# SPDX-License-Identifier: MIT
"""As much of `ulab` as runtimes and backends need: arrays in one piece that know their shape."""

from array import array


class ndarray:  # noqa: N801 (ulab's name)
    """Single floats, unless made of an array of others; indexing the first axis gives a copy."""

    def __init__(self, values, shape=None):
        self._values = values if isinstance(values, array) else array("f", values)
        self.shape = shape or (len(self._values),)

    @property
    def size(self):
        """How many elements there are."""
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

    def reshape(self, shape):
        """The same elements."""
        return ndarray(self._values, shape)

    def tolist(self):
        """As lists in lists."""
        return list(self._values) if len(self.shape) == 1 else [row.tolist() for row in self]


class numpy:  # noqa: N801
    """`from ulab import numpy as np`."""

    uint8 = "B"
    float = "f"

    @staticmethod
    def array(values):
        """An array of the floats in a list."""
        return ndarray(values)

    @staticmethod
    def frombuffer(buffer, *, dtype="f"):
        """An array of the elements in a buffer."""
        return ndarray(array(dtype, bytes(buffer)))
