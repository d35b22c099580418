# SPDX-License-Identifier: MIT
"""MIRROR_PAD: surrounds a tensor with its own rows, columns and channels in reverse order."""

from micropython import const

from . import pad
from .pad import INPUTS, NEEDS, OVERLAP, scratch  # noqa: F401

KERNEL = "mirror_pad"
OPTIONS = 77
STREAMS = False

# Words of a layer's record (record.toml).
_FILLER = const(29)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    pads = pad.amounts(graph, inputs, output, record)
    mode = graph.option(options, 0, 1)
    if mode > 1:
        graph.malformed("mode %d" % mode)
    record[_FILLER] = 1 - mode  # 0 REFLECT, 1 SYMMETRIC
    shape = graph.image(inputs[0])
    for i, amount in enumerate(pads):
        if amount > shape[i // 2] - record[_FILLER]:
            graph.malformed("paddings %s of %s" % (pads, shape))
