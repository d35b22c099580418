# SPDX-License-Identifier: MIT
"""SIMD kernels of WebAssembly for the products of a network: convolutions and fully connected layers.

    binary = build(windows={(3, 3)}, pages=20)     # a .wasm that imports the memory of the compiled kernels

Unlike the kernels of boards they take all numbers as arguments, so that one of each serves all layers; only
`depthwise` is generated for each size of window. Inputs are int16, weights are packed as int16
(tools/galago/web/js/pack.js does this when a page is opened). A layer that these kernels cannot compute, see
`takes`, is left to the compiled viper kernel.
"""

from galago.native.assemblers.wasm32 import Memory, module
from galago.native.kernels.wasm32.depthwise import depthwise
from galago.native.kernels.wasm32.gather import gather, spread
from galago.native.kernels.wasm32.product import product
from galago.tflite.records import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, Record

MOST_TAPS = 25
"""Most taps of a depthwise window: each is a local that holds weights."""
_SPARE = 1 << 10  # what rounding and zero point may add to twice an output


def takes(record: Record) -> bool:
    """Whether a layer is one for these kernels: int8, factors below 1, and no sum that overflows 32 bits."""
    if record.operator not in (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED) or not record.ordinary:
        return False
    if record.operator == DEPTHWISE_CONV_2D and (
        record.depth_multiplier != 1 or record.k_h * record.k_w > MOST_TAPS
    ):
        return False
    return all(
        -30 <= shift <= 0 and reach < (1 << (31 if shift else 30)) - _SPARE
        for shift, reach in zip(record.shifts, record.reach, strict=True)
    )


def build(windows: set[tuple[int, int]], pages: int) -> bytes:
    """The module; `windows` are heights and widths of depthwise windows, `pages` the memory's least size."""
    functions = {"spread": spread(), "gather": gather(), "product": product()}
    for height, width in sorted(windows):
        functions[f"depthwise_{height}x{width}"] = depthwise(height, width)
    return module(functions, Memory(pages, imported=True))
