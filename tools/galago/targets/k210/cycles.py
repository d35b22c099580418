# SPDX-License-Identifier: MIT
"""How long the KPU takes, by a model of its cycles.

    seconds(conv), sum(seconds(layer) for layer in model.layers if isinstance(layer, Conv))

The model: each cycle one kernel (of one input and one output channel) moves over one line of 64 bytes, which
holds G channels of narrow maps; pools save nothing. Before that a layer's weights come in at 0.87 GB/s:

    cycles = height * lines per row * ceil(inputs / G) * outputs        (depthwise: without outputs)
    seconds = cycles / clock + weight bytes / 0.87e9

It is inferred, not documented by the vendor: docs/k210.md compares it with published measurements.
"""

from galago.targets.k210 import layout
from galago.targets.k210.conv import Conv

CLOCK = 400e6  # Hz, what MaixPy sets
WEIGHT_RATE = 0.87e9  # bytes per second, from measurements of a layer of 4x4 pixels


def cycles(conv: Conv) -> int:
    """Cycles of the convolution itself."""
    source = conv.source
    per_output = layout.lines(source.channels, source.height, source.width)
    return per_output if conv.registers.depth_wise_layer else per_output * conv.registers.o_ch_num


def seconds(conv: Conv, clock: float = CLOCK) -> float:
    """Time of one layer."""
    return cycles(conv) / clock + conv.weights.size / WEIGHT_RATE
