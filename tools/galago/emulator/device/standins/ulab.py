# SPDX-License-Identifier: MIT
"""The part of `ulab` that runtimes and backends need: contiguous arrays with a shape."""

from array import array


class ndarray:  # noqa: N801 (ulab's name)
    """Floats, or the elements of the array it was made from; indexing the first axis returns a copy."""

    def __init__(self, values, shape=None):
        self._values = values if isinstance(values, array) else array("f", values)
        self.shape = shape or (len(self._values),)

    @property
    def size(self):
        """Number of elements."""
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
        """Returns a copy with one axis."""
        return ndarray(self._values[:])

    def tobytes(self):
        """Returns the array's own memory as bytes; unlike numpy's, not a copy."""
        return memoryview(self._values)

    def reshape(self, shape):
        """Returns the same elements in another shape."""
        return ndarray(self._values, shape)

    def tolist(self):
        """Returns nested lists."""
        return list(self._values) if len(self.shape) == 1 else [row.tolist() for row in self]


class numpy:  # noqa: N801
    """`from ulab import numpy as np`."""

    uint8 = "B"
    float = "f"

    @staticmethod
    def array(values):
        """Returns an array of the floats in a list."""
        return ndarray(values)

    @staticmethod
    def zeros(shape, *, dtype="f"):
        """Returns an array of zeros."""
        size = 1
        for length in shape:
            size *= length
        return ndarray(array(dtype, bytes(size * (4 if dtype == "f" else 1))), shape)

    @staticmethod
    def frombuffer(buffer, *, dtype="f"):
        """Returns an array of the elements in a buffer."""
        return ndarray(array(dtype, bytes(buffer)))
