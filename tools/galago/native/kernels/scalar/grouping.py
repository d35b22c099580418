# SPDX-License-Identifier: MIT
"""Which function computes which layer. A model needs few, since functions are not limited to one shape.

This works for instruction sets whose modules have `convolution.build(rounding)`,
`convolution.scratch(record)`, `depthwise.build(rounding, stride)` and `depthwise.scratch(record)`.
"""

from typing import Any

from galago.native.kernels import Kernel
from galago.native.kernels.rounding import rounding, supports
from galago.native.kernels.scalar import scales
from galago.native.kernels.scalar.function import Function
from galago.tflite.records import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, Record


def group(records: list[Record], function: type[Function], convolution: Any, depthwise: Any) -> list[Kernel]:
    """The kernels for a model's layers."""
    found: dict[str, Kernel] = {}
    for layer, record in enumerate(records):
        if not supports(record):
            continue
        how = rounding(record, records)
        if record.operator in (CONV_2D, FULLY_CONNECTED):
            name, module, options = "convolution" + how.suffix, convolution, ()
        elif record.operator == DEPTHWISE_CONV_2D and _is_mobilenet(record):
            name, module, options = f"depthwise_{record.s_w}" + how.suffix, depthwise, (record.s_w,)
        else:
            continue
        if name not in found:
            found[name] = Kernel(name, module.build(how, *options), {})
        found[name].scratch[layer] = module.scratch(record)
    if found:
        for name, build in (("scales", scales.scales), ("biases", scales.biases)):
            found[name] = Kernel(name, build(function(*scales.FRAME)), {})
    return list(found.values())


def _is_mobilenet(record: Record) -> bool:
    """Whether a depthwise layer has the windows of MobileNet: 3 x 3, stride 1 or 2."""
    windows = (record.k_h, record.k_w) == (3, 3) and record.s_h == record.s_w <= 2
    return windows and record.depth_multiplier == 1
