# SPDX-License-Identifier: MIT
"""CONCATENATION: one input after the other, piece by piece."""

from micropython import const

# Words of a layer's record (record.toml).
_OUTPUT = const(2)
_INPUTS = const(24)
_PIECES = const(25)
_TAIL = const(30)


def run(net, at, first, last):
    """Computes the output of the layer whose record starts at net.plan[at]; it never runs row by row."""
    _join(0, 0, net.plan, at, net.arena)


@micropython.viper
def _join(x: ptr8, out: ptr8, plan, at: int, arena):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    base = int(ptr8(arena))
    tail = ptr32(int(p) + p[_TAIL])  # offsets of all inputs, then their bytes in a piece
    count = p[_INPUTS]
    out = ptr8(base + p[_OUTPUT])
    piece = 0
    while piece < p[_PIECES]:
        i = 0
        while i < count:
            size = tail[count + i]
            x = ptr8(base + tail[i] + piece * size)
            end = int(x) + size
            while int(x) != end:
                out[0] = x[0]
                x = ptr8(int(x) + 1)
                out = ptr8(int(out) + 1)
            i += 1
        piece += 1
