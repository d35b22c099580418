# SPDX-License-Identifier: MIT
"""Estimates the KPU's time by a model of its cycles.

    seconds(conv), sum(seconds(layer) for layer in model.layers if isinstance(layer, KpuConv))

Each cycle one kernel (of one input and one output channel) moves over one line of 64 bytes, which holds G
channels of a narrow map; pooling saves nothing. Before that a layer's weights are loaded at 0.87 GB/s:

    cycles = height * lines per row * ceil(inputs / G) * outputs        (depthwise: without `outputs`)
    seconds = cycles / clock + weight bytes / 0.87e9

The model is inferred, not documented by the vendor: docs/k210.md compares it with published measurements.
"""

from galago.targets.k210 import kpu_ram
from galago.targets.k210.kpu_conv import KpuConv

CLOCK = 400e6  # Hz, set by MaixPy
WEIGHT_RATE = 0.87e9  # bytes per second, from measurements of a layer of 4x4 pixels


def cycles(conv: KpuConv) -> int:
    """Returns the cycles of the convolution itself, without loading weights."""
    source = conv.source
    per_output = kpu_ram.lines(source.channels, source.height, source.width)
    return per_output if conv.registers.depth_wise_layer else per_output * conv.registers.o_ch_num


def seconds(conv: KpuConv, clock: float = CLOCK) -> float:
    """Returns the time of one layer in seconds."""
    return cycles(conv) / clock + conv.weights.size / WEIGHT_RATE
