# SPDX-License-Identifier: MIT
"""QUANTIZE from one int8 quantization to another."""

from micropython import const

from ..loading import tables
from ..loading.tables import INPUTS, KERNEL, NEEDS, OVERLAP, STREAMS, scratch  # noqa: F401

OPTIONS = 89

# Words of a layer's record (record.toml).
_OUT_ZERO = const(19)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)


def prepare(graph, options, inputs, output, record):
    """Checks the operator and fills its record."""
    tables.prepare(graph, inputs, output, record)
    scale = tables.factor_for(graph, 8, record[_IN_SCALE], record[_OUT_SCALE])
    tables.fill(record, lambda x: tables.rescaled(x, scale) + record[_OUT_ZERO])
