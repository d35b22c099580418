# SPDX-License-Identifier: MIT
"""SUB of two tensors, of which one may be constant or repeat: ADD with a subtracted input."""

from micropython import const

from ..loading import elementwise
from ..loading.elementwise import INPUTS, NEEDS, OVERLAP, STREAMS, macs, piece  # noqa: F401
from ..loading.scales import quotient
from . import add
from .add import KERNEL, scratch  # noqa: F401

OPTIONS = 28

# Words of a layer's record (record.toml).
_SUBTRACTED = const(14)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)

_ONE = const(0x3F800000)  # 1.0 as float32


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    scale_2, swapped = elementwise.prepare(graph, inputs, output, record, graph.activated(options, 0))
    record[_SUBTRACTED] = 1 if swapped else 2
    scale = record[_IN_SCALE]
    twice = add.common_scale(graph, scale, scale_2)
    # TFLM divides in float32, other than for ADD.
    quotients = quotient(scale, twice), quotient(scale_2, twice), quotient(twice, record[_OUT_SCALE])
    add.factors(graph, record, quotients, (_ONE, _ONE, _ONE))
