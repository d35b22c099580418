# SPDX-License-Identifier: MIT
"""The golden inputs of model.json, made on the board: galago.models.pattern is the other half."""


def fill(pattern, tensor):
    """Fills an int8 buffer: 0 black, 1 white, 2 a ramp, from 3 on noise with that number as its seed."""
    if pattern < 3:
        for i in range(len(tensor)):
            tensor[i] = (0x80, 0x7F, i & 0xFF ^ 0x80)[pattern]
        return
    x = pattern
    for i in range(len(tensor)):
        x = 1664525 * x + 1013904223 & 0xFFFFFFFF
        tensor[i] = x >> 24 ^ 0x80
