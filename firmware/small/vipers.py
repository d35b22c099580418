# SPDX-License-Identifier: MIT
"""Viper kernels of the whole package, called like machine code: for processors that lack some of it.

call = adapted("softmax", net)
call(block, plan, arena, weights)

"scales" and "biases" fill the table of a layer with weights, as kernels/conv_2d.py does.
"""

from micropython import const

from .core import address

# Words of a layer's record (record.toml).
_SCRATCH = const(4)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_SCALE_STEP = const(27)


def adapted(name, net):
    """Returns a viper kernel as a function of a block of arguments and buffers."""
    records = address(net.plan, 0)
    if name == "scales":
        from .tflite.quantization import fill

        def scales(block, plan, arena, weights):
            at = (block[0] - records) // 4
            table, words = address(arena, plan[at + _SCRATCH]), (plan[at + _IN_SCALE], plan[at + _OUT_SCALE])
            fill(0, 0, table, block[2], plan[at + _SCALE_STEP], block[6], *words)

        return scales
    if name == "biases":

        def biases(block, plan, arena, weights):
            scratch = plan[(block[0] - records) // 4 + _SCRATCH]
            _biases(address(arena, scratch), block[2], block[6])

        return biases
    run = __import__("mobilenet.tflite.kernels." + name, None, None, ("run",)).run

    def call(block, plan, arena, weights):
        run(net, (block[0] - records) // 4, block[3], block[4])

    return call


@micropython.viper
def _biases(table: ptr32, biases: ptr32, count: int):
    i = 0
    while i < count:
        table[3 * i + 2] = biases[i] if int(biases) else 0
        i += 1
