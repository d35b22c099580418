# SPDX-License-Identifier: MIT
"""Checks machine code against the viper kernels, layer by layer, once after it was flashed.

    proof = Proof("/models/everyday-v1-025-96/kernels.mpy", sha256)
    net = Interpreter(path, kernels=kernels if proof.begin() else None)
    proof.settle(net)

Both compute the same noise, and are called exactly as in an inference. If the outputs of a layer differ,
viper computes it from then on, and a line is logged. The verdict is stored with the file's SHA-256 in
galago.kernels.json beside the folder of models, so that the check runs only once; it takes about as long as
an inference in viper.

Machine code may crash the board. The same file therefore says so while the check runs: a board that finds
this note when it boots leaves the machine code alone, and viper computes.
"""

import gc
import json
import sys

from micropython import const

_RECORD = const(32)
# Words of a layer's record (record.toml).
_INPUT = const(0)
_INPUT_ROWS = const(1)
_OUTPUT = const(2)
_OUTPUT_ROWS = const(3)
_SECOND = const(5)
_IN_W = const(7)
_IN_C = const(8)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)

_PACKAGE = __name__.rsplit(".", 1)[0]


class Proof:
    """The check of one file of machine code; `digest` is its SHA-256 as hex."""

    def __init__(self, path, digest):
        self._name = path.rsplit("/", 3)[0] + "/galago.kernels.json"
        self._digest = digest
        self._wrong = None
        self._pending = False

    def begin(self):
        """Returns whether the machine code may be loaded; notes that a check begins if the file is new."""
        kept = self._read()
        if "checking" in kept:
            print(
                "kernels: the board restarted while it checked the machine code, viper computes: "
                "galago doctor says what to do"
            )
            return False
        wrong = kept.get("wrong")
        if isinstance(wrong, list) and all(isinstance(layer, int) for layer in wrong):
            self._wrong = wrong
        else:
            self._pending = True
            self._keep({"sha256": self._digest, "checking": True})
        return True

    def settle(self, net):
        """Assigns viper kernels to the layers of an Interpreter whose machine code is wrong."""
        wrong = self._wrong if net.native else []
        if wrong is None:
            try:
                wrong = _wrong(net)
            except MemoryError:
                gc.collect()
                print("kernels: not enough memory to check them against viper")
                self.abandon()
                return
            print(
                "kernels: machine code computes %d of %d layers, checked against viper"
                % (len(net.native) - len(wrong), len(net.runs))
            )
        if self._pending:
            self._keep({"sha256": self._digest, "wrong": wrong})
        for layer in wrong:
            if layer in net.native:
                function, viper = net.native[layer]
                print("kernels: %s is wrong in layer %d, viper computes it" % (function, layer))
                net.use_viper(layer, _viper(viper).run)

    def abandon(self):
        """Removes the note of a check that ended without a verdict, but without a crash: it is repeated."""
        if self._pending:
            self._keep({})

    def _read(self):
        try:
            with open(self._name) as file:
                kept = json.load(file)
            return kept if kept["sha256"] == self._digest else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _keep(self, verdict):
        try:
            with open(self._name, "w") as file:
                json.dump(verdict, file)
        except OSError:  # read-only: the check is repeated at each boot
            pass


def _viper(name):
    return __import__(_PACKAGE + "." + name, None, None, ("run",))


def _wrong(net):
    """Returns the layers for which machine code and viper compute different bytes from the same noise.

    Layers with the same viper kernel follow each other: its module is imported once, and there is never more
    than one that was imported for this check only.
    """
    wrong = []
    for name in sorted({viper for _, viper in net.native.values()}):
        module = _PACKAGE + "." + name
        loaded = module in sys.modules
        viper = _viper(name).run
        for layer in net.native:
            if net.native[layer][1] != name:
                continue
            if _outputs(net, layer, net.runs[layer]) != _outputs(net, layer, viper):
                wrong.append(layer)
        if not loaded:
            viper = None
            sys.modules.pop(module, None)
            if hasattr(sys.modules[_PACKAGE], name):
                delattr(sys.modules[_PACKAGE], name)
            gc.collect()
    return sorted(wrong)


def _outputs(net, layer, run):
    """Returns a hash of a layer's output, computed from noise with the calls that an inference makes.

    A layer of a chain is called row by row: kernels rely on this order, and may keep input rows in scratch.
    """
    plan, at = net.plan, layer * _RECORD
    arena = memoryview(net.arena)
    rows = plan[at + _OUT_H]
    size = plan[at + _OUT_W] * plan[at + _OUT_C]
    step = rows if net.alone(layer) else 1
    inputs = plan[at + _INPUT_ROWS] * plan[at + _IN_W] * plan[at + _IN_C]
    for start in (plan[at + _INPUT], plan[at + _SECOND]):
        noise = arena[start : start + inputs]
        _noise(noise, len(noise))
    result = 0
    for first in range(0, rows, step):
        run(net, at, first, first + step)
        start = plan[at + _OUTPUT] + first % plan[at + _OUTPUT_ROWS] * size
        result = _hash(result, arena[start : start + step * size], step * size)
    return result


@micropython.viper
def _noise(buffer: ptr8, size: int):
    """Fills a buffer with the same noise each time: upper bits of a linear congruential generator."""
    x = 1
    i = 0
    while i < size:
        x = (x * 75 + 74) & 0xFFFFFF
        buffer[i] = x >> 8
        i += 1


@micropython.viper
def _hash(x: int, buffer: ptr8, size: int) -> int:
    """Returns the FNV-1a hash of `size` bytes after those that gave `x`, as a small int."""
    i = 0
    while i < size:
        x = ((x ^ buffer[i]) * 16777619) & 0x3FFFFFFF
        i += 1
    return x
