# SPDX-License-Identifier: MIT
"""The built-in engine: runs an int8 .tflite on stock firmware."""

from array import array

from ..errors import GalagoError
from ..tflite import Interpreter

TOLERANCE = None  # it is exact, and the last resort: galago doctor runs its golden pictures


def supports(model):
    """Whatever else it cannot run, it names while loading."""
    return None if model.file("tflite") else "its directory on this board has no .tflite"


class _Engine:
    def __init__(self, model):
        self._interpreter = interpreter = Interpreter(model.file("tflite"))
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
