# SPDX-License-Identifier: MIT
"""The built-in engine: runs an int8 .tflite on stock firmware."""

import sys
from array import array

from ..errors import GalagoError
from ..tflite import Interpreter

TOLERANCE = None  # it is exact, and the last resort: galago doctor runs its golden pictures


def supports(model):
    """Whatever else it cannot run, it names while loading."""
    return None if model.file("tflite") else "its directory on this board has no .tflite"


def _interpreter(model):
    """With the machine code that came with the model, tried when it is new; in viper if there is none."""
    path, kernels = model.file("tflite"), model.file("kernels")
    if not kernels:
        return Interpreter(path)
    try:
        interpreter = Interpreter(path, kernels=kernels)
    except GalagoError as error:
        if not error.code.startswith("memory."):
            raise
        print("kernels: %s; viper computes" % error.message)
        return Interpreter(path)
    if interpreter.native:
        from ..tflite.kernels import proof

        proof.settle(interpreter, kernels, model.digest("kernels"))
        sys.modules.pop(proof.__name__, None)
    return interpreter


class _Engine:
    def __init__(self, model):
        self._interpreter = interpreter = _interpreter(model)
        wanted = (1, model.height, model.width, model.channels)
        if tuple(interpreter.input_shape) != wanted:
            raise GalagoError(
                "model.contract",
                "%s: model.json says input %s, the .tflite has %s: build the model directory again"
                % (model.name, wanted, tuple(interpreter.input_shape)),
            )
        self.input = interpreter.input
        self.outputs = len(interpreter.output)

    def invoke(self):
        self._interpreter.invoke()
        return array("b", self._interpreter.output)  # signed: the engine's buffers are raw bytes

    def confidence(self, score):
        return (score - self._interpreter.output_zero_point) * self._interpreter.output_scale

    def close(self):
        self._interpreter.close()


load = _Engine
