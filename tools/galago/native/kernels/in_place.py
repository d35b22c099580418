# SPDX-License-Identifier: MIT
"""Sources of compiled kernels for layers with weights that no generator takes, each in one call.

    SOURCES["general_convolution"]          # text after that of the device package's file of this name

On the board, `run` of such a file is Python that reads weights piece by piece, as they are streamed, and
calls viper functions with them. Here all weights are in place: `model` is the address of the .tflite.
"""

_START = """
from .conv_2d import entries

_WEIGHTS = const(24)
_BIAS = const(25)
_SCALES = const(26)
"""

SOURCES = {
    "general_convolution": _START
    + '''
_OUT_C = const(11)


def run(net, at, first, last):
    """Computes all output rows."""
    in_place(net.plan, at, net.arena, net.model, last)


@micropython.viper
def in_place(plan, at: int, arena, model, rows: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    entries(0, 0, plan, at, arena, model, p[_SCALES], 0)
    entries(0, 0, plan, at, arena, model, p[_BIAS], 1)
    _channels(0, 0, plan, at, arena, model, p[_WEIGHTS], 0, p[_OUT_C], rows)
''',
    "depthwise_conv_2d": _START
    + '''

def run(net, at, first, last):
    """Computes output rows [first, last)."""
    in_place(net.plan, at, net.arena, net.model, first, last)


@micropython.viper
def in_place(plan, at: int, arena, model, first: int, last: int):
    p = ptr32(int(ptr32(plan)) + (at << 2))
    if not first:
        entries(0, 0, plan, at, arena, model, p[_SCALES], 0)
        entries(0, 0, plan, at, arena, model, p[_BIAS], 1)
    _channels(0, 0, plan, at, arena, model, p[_WEIGHTS], first, last)
''',
}
