# SPDX-License-Identifier: MIT
"""STRIDED_SLICE of rows, columns and channels with positive strides."""

from micropython import const

KERNEL = "strided_slice"
INPUTS = 1
NEEDS = 4, 4
OPTIONS = 32
STREAMS = True
OVERLAP = "never"

# Words of a layer's record (record.toml).
_K_H = const(12)
_K_W = const(13)
_S_H = const(14)
_S_W = const(15)
_P_T = const(16)
_P_L = const(17)
_FIRST_CHANNEL = const(24)
_CHANNEL_STRIDE = const(25)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    shape = graph.shape(inputs[0])
    begins, ends, strides = [graph.integers(tensor) for tensor in inputs[1:]]
    if not len(begins) == len(ends) == len(strides) == len(shape):
        graph.unsupported("a slice of %d of %d dimensions" % (len(begins), len(shape)))
    begin_mask, end_mask, ellipsis, new_axis, shrunk = [graph.option(options, i, 4) for i in range(5)]
    if ellipsis or new_axis or graph.option(options, 5, 1):
        graph.unsupported("a slice with an ellipsis, a new axis or offsets")
    slices = [(0, 1, 1)] * (4 - len(shape))
    expected = []
    for i, n in enumerate(shape):
        bit = 1 << i
        start = 0 if begin_mask & bit else _clipped(begins[i], n)
        stop = n if end_mask & bit else _clipped(ends[i], n)
        if shrunk & bit:
            stop = start + 1
        if strides[i] < 1 or not start < stop <= n:
            graph.unsupported("[%d:%d:%d] of %d" % (begins[i], ends[i], strides[i], n))
        count = (stop - start + strides[i] - 1) // strides[i]
        slices.append((start, count, strides[i]))
        if not shrunk & bit:
            expected.append(count)
    if graph.shape(output) != tuple(expected):
        graph.malformed("output %s, expected %s" % (graph.shape(output), expected))
    whole = (1,) * (4 - len(shape)) + shape
    if whole[0] != 1:
        graph.unsupported("batch %d" % whole[0])
    _, rows, columns, channels = slices
    graph.fill(record, inputs[0], whole[1:], output, (rows[1], columns[1], channels[1]), 0)
    record[_K_H] = record[_K_W] = 1
    # A stride that has no second step could still exceed 16 bits.
    record[_S_H], record[_S_W] = min(rows[2], whole[1]), min(columns[2], whole[2])
    record[_P_T], record[_P_L] = -rows[0], -columns[0]
    record[_FIRST_CHANNEL], record[_CHANNEL_STRIDE] = channels[0], min(channels[2], whole[3])


def _clipped(index, count):
    """Returns an index into `count` items, of which a negative one counts from the end."""
    return min(max(index + count if index < 0 else index, 0), count)


def scratch(record, whole):
    """Returns the bytes of scratch."""
    return 0
