# SPDX-License-Identifier: MIT
"""Inputs of models that take other values than int8 = pixel - 128 (galago.models.transform on the host).

    transform = Transform(model.transform)      # a pair (multiplier, offset) for each channel
    transform.apply(tensor)                     # rewrites int8 = pixel - 128 in place

The integers are those of model.json, so that every board computes the same bytes.
"""

import micropython


class Transform:
    """A table of the input's byte for each pixel and channel, 256 bytes for each channel that differs."""

    def __init__(self, pairs):
        if min(pairs) == max(pairs):
            pairs = pairs[:1]
        self._channels = len(pairs)
        self._table = table = bytearray(256 * len(pairs))
        at = 0
        for multiplier, offset in pairs:
            for pixel in range(256):
                table[at] = max(-128, min(127, (pixel * multiplier + offset) >> 16)) & 255
                at += 1

    def apply(self, tensor):
        """Rewrites a tensor of pixel - 128 to what the model expects."""
        _translate(tensor, len(tensor), self._table, self._channels)


@micropython.viper
def _translate(tensor: ptr8, size: int, table: ptr8, channels: int):
    i = 0
    c = 0
    while i < size:
        tensor[i] = table[(c << 8) + (int(tensor[i]) ^ 128)]
        c += 1
        if c == channels:
            c = 0
        i += 1
