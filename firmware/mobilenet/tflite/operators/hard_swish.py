# SPDX-License-Identifier: MIT
"""HARD_SWISH, x * relu6(x + 3) / 6, in TensorFlow Lite Micro's fixed-point arithmetic of 16 bits."""

from micropython import const

from ..loading import tables
from ..loading.scales import ratio
from ..loading.tables import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401

OPTIONS = 91

# Words of a layer's record (record.toml).
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)

_REACH = const(0x38C00000)  # 3 / 2**15 as float32: the scale at which 2**15 is 3


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    tables.prepare(graph, inputs, output, record)
    fine = record[_IN_SCALE] - (7 << 23)  # 1/128 of the input's
    if fine >> 23 < 1:
        graph.unquantized("the input scale is too small")
    out_scale, out_shift = _factor(graph, ratio(fine, record[_OUT_SCALE]))
    in_scale, in_shift = _factor(graph, ratio(fine, _REACH))
    if out_shift > 0:
        graph.unquantized("the output scale is too small for the input's")

    def swish(x):
        x <<= 7
        gate = x  # x from -3 … 3 to -1 … 1, saturated
        if in_shift > 0:
            gate = _short(gate << in_shift - 1)
        gate = (gate * in_scale + (1 << 14)) >> 15
        gate = _short(gate << 1) if in_shift > 0 else _divide(gate, -in_shift)
        product = ((gate + (1 << 15)) >> 1) * ((x * out_scale + (1 << 14)) >> 15)
        product = product >> 15 if product >= 0 else -(-product >> 15)
        return _divide(product, -out_shift) + record[_OUT_ZERO]

    tables.fill(record, swish)


def _factor(graph, scale):
    """Returns (multiplier, shift) of a float32, with a multiplier of 15 bits."""
    multiplier, shift = tables.factor(scale)
    if shift > 30:
        graph.unquantized("the input scale is too large")
    return min((multiplier + (1 << 15)) >> 16, 32767), shift


def _divide(x, exponent):
    """Returns x / 2**exponent as TFLM does for 16 bits: beyond those, 1 or -1."""
    if exponent > 15:
        return 1 if x >= 0 else -1
    return tables.divide(x, exponent)


def _short(x):
    """Returns x, saturated to 16 bits."""
    return min(max(x, -32768), 32767)
