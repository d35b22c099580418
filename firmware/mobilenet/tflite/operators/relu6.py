# SPDX-License-Identifier: MIT
"""RELU6 that is not fused into the layer before it.

TensorFlow Lite Micro takes the output's quantization for the input's. Where they differ, this is TensorFlow
Lite's RELU6, which rescales.
"""

from micropython import const

from ..loading.tables import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401
from . import relu

OPTIONS = 0

_RELU6 = const(3)  # in the schema


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    relu.prepare(graph, options, inputs, output, record, _RELU6)
