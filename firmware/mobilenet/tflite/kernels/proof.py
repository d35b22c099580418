# SPDX-License-Identifier: MIT
"""Tries machine code made for a model against viper, layer by layer, once after it came to the board.

    proof.settle(net, "/models/everyday-v1-025-96/kernels.mpy", sha256)

Both get the same noise, and are called exactly as an inference calls them. A layer whose outputs differ is
given to viper from then on, with a line of log. The verdict is kept in galago.kernels.json beside the folder
of models, under the file's SHA-256, so that this runs once; it takes about as long as an inference in viper.
"""

import gc
import hashlib
import json
import sys

from micropython import const

RECORD = const(32)
# Words of a layer's record (loading/graph.py).
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)

_PACKAGE = __name__.rsplit(".", 1)[0]


def settle(net, path, digest):
    """Gives an Interpreter's layers to machine code or to viper, as the verdict on the file says."""
    name = path.rsplit("/", 3)[0] + "/galago.kernels.json"
    wrong = _verdict(name, digest)
    if wrong is None:
        try:
            wrong = [layer for layer in sorted(net.native) if not _same(net, layer)]
        except MemoryError:
            gc.collect()
            print("kernels: too little memory to try them against viper")
            return
        _keep(name, {"sha256": digest, "wrong": wrong})
        print(
            "kernels: machine code computes %d of %d layers, tried against viper"
            % (len(net.native) - len(wrong), len(net.runs))
        )
    runs = list(net.runs)
    for layer in wrong:
        if layer in net.native:
            function, viper = net.native.pop(layer)
            print("kernels: %s is wrong in layer %d, viper computes it" % (function, layer))
            runs[layer] = _viper(viper).run
    net.runs = tuple(runs)


def _verdict(name, digest):
    """The layers in which the file with this SHA-256 was wrong, or None where that is not known."""
    try:
        with open(name) as file:
            kept = json.load(file)
        wrong = kept["wrong"] if kept["sha256"] == digest else None
        return [int(layer) for layer in wrong] if wrong is not None else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(name, verdict):
    try:
        with open(name, "w") as file:
            json.dump(verdict, file)
    except OSError:  # read-only: it is tried at each boot
        pass


def _viper(name):
    return __import__(_PACKAGE + "." + name, None, None, ("run",))


def _same(net, layer):
    """Whether machine code and viper compute the same bytes from the same noise."""
    name = net.native[layer][1]
    module = _PACKAGE + "." + name
    there = module in sys.modules
    same = _outputs(net, layer, net.runs[layer]) == _outputs(net, layer, _viper(name).run)
    if not there:  # it was needed for this alone
        sys.modules.pop(module, None)
        if hasattr(sys.modules[_PACKAGE], name):
            delattr(sys.modules[_PACKAGE], name)
        gc.collect()
    return same


def _outputs(net, layer, run):
    """The SHA-256 of a layer's output, computed from noise by the calls that `Interpreter.invoke` makes.

    A layer of a chain is called row after row: kernels rely on that order and may keep input rows in scratch.
    """
    plan, at = net.plan, layer * RECORD
    rows = plan[at + _OUT_H]
    size = plan[at + _OUT_W] * plan[at + _OUT_C]
    alone = layer in net.ends and (not layer or layer - 1 in net.ends)
    step = rows if alone else 1
    digest = hashlib.sha256()
    _noise(net.arena, len(net.arena))
    for first in range(0, rows, step):
        run(net, at, first, first + step)
        start = plan[at + _OUTPUT] + first % plan[at + _OUTPUT_ROWS] * size
        digest.update(memoryview(net.arena)[start : start + step * size])
    return digest.digest()


@micropython.viper
def _noise(buffer: ptr8, size: int):
    """The same bytes each time: the upper ones of a linear congruential generator."""
    x = 1
    i = 0
    while i < size:
        x = (x * 75 + 74) & 0xFFFFFF
        buffer[i] = x >> 8
        i += 1
