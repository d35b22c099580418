# SPDX-License-Identifier: MIT
"""The built-in engine, which runs an int8 .tflite on stock firmware."""

import sys
from array import array

from ..errors import GalagoError
from ..tflite import Interpreter

TOLERANCE = None  # exact, and the last resort: galago doctor checks its golden pictures


def supports(model):
    """Returns None, or the reason why it cannot run this model; loading reports all other reasons."""
    return None if model.file("tflite") else "its directory on this board has no .tflite"


def _file(model, kind, instead):
    """Returns the path of a file that the engine can do without, or None; logs a line if it is damaged."""
    try:
        return model.file(kind)
    except GalagoError as error:
        print("%s: %s; %s" % (kind, error.message, instead))
    return None


def _plan(model, kernels=None):
    """Returns the stored plan of the model with or without its machine code, or None.

    The engine then plans, which may take seconds.
    """
    code = model.digest("kernels")
    path = _file(model, "viper_plan" if code and not kernels else "plan", "the board plans anew")
    if not path:
        return None
    from ..tflite.loading import stored

    return stored.read(path, [model.digest("tflite"), code if kernels else None])


def _interpreter(model):
    """Loads the model with the machine code of its directory, which is verified when it is new.

    Without machine code, or memory for it, viper kernels compute.
    """
    path = model.file("tflite")
    kernels = _file(model, "kernels", "viper computes")
    if not kernels:
        return Interpreter(path, plan=_plan(model))
    from ..tflite.kernels import proof

    check = proof.Proof(kernels, model.digest("kernels"))
    try:
        kernels = kernels if check.begin() else None
        interpreter = Interpreter(path, kernels=kernels, plan=_plan(model, kernels))
        check.settle(interpreter)
    except BaseException as error:
        check.abandon()
        if not isinstance(error, GalagoError) or not error.code.startswith("memory."):
            raise
        print("kernels: %s; viper computes" % error.message)
        return Interpreter(path, plan=_plan(model))
    finally:
        sys.modules.pop(proof.__name__, None)
    return interpreter


class _Engine:
    def __init__(self, model):
        self._interpreter = interpreter = _interpreter(model)
        shape = (1, model.height, model.width, model.channels)
        if tuple(interpreter.input_shape) != shape:
            raise GalagoError(
                "model.contract",
                "%s: the input is %s in model.json and %s in the .tflite: build the model directory again"
                % (model.name, shape, tuple(interpreter.input_shape)),
            )
        self.input = interpreter.input
        self.outputs = len(interpreter.output)

    def invoke(self):
        self._interpreter.invoke()
        return array("b", self._interpreter.output)  # as signed numbers: the engine's buffers are raw bytes

    def confidence(self, score):
        return (score - self._interpreter.output_zero_point) * self._interpreter.output_scale

    def describe(self):
        net = self._interpreter
        return {
            "kernels": net.kernels,
            "layers": len(net.runs),
            "native": len(net.native),
            "weights": net.weights,
            "arena_bytes": net.arena_bytes,
            "macs": net.macs,
        }

    def close(self):
        self._interpreter.close()


load = _Engine
