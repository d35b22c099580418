# SPDX-License-Identifier: MIT
"""An int8 .tflite on this computer, byte for byte as TensorFlow Lite Micro, in numpy: for every platform.

network = Exact(data)
scores = network.run(picture)              # int8 in, int8 out, as Tflm
tensors = network.tensors(picture)

The engine's own loader checks the model and says what each layer computes (engine.layers). A file of this
folder has the name of the device's kernel (firmware/mobilenet/tflite/kernels) and a function
`run(layer, inputs)`, which returns the output in any shape.
"""

import importlib

import numpy as np

from galago.tflite import engine
from galago.tflite.exact.layer import Int8, Layer
from galago.tflite.records import Record


class Exact:
    """A model whose weights may have a zero point, too: such ones were uint8 (legacy.py).

    Raises GalagoError as `engine.plan` does.
    """

    def __init__(self, model: bytes) -> None:
        graph = engine.layers(model)
        self._shapes = graph.shapes
        self._input, self._output = graph.input, graph.output
        self._layers = [
            Layer(kernel, Record(words), tail, inputs, output, model)
            for kernel, words, tail, inputs, output in graph.layers
        ]
        self._kernels = [importlib.import_module(f"{__name__}.{layer.kernel}").run for layer in self._layers]
        self.input_shape = self._shapes[self._input]

    def run(self, picture: Int8) -> Int8:
        """The output, int8 in the model's output shape, for an int8 input of the model's input shape."""
        return self.tensors(picture)[self._output]

    def tensors(self, picture: Int8) -> dict[int, Int8]:
        """Every tensor that an operator computes, by its index in the graph, in the order of operators."""
        values = {self._input: np.ascontiguousarray(picture, np.int8).reshape(self.input_shape)}
        for layer, kernel in zip(self._layers, self._kernels, strict=True):
            output = kernel(layer, [values[tensor] for tensor in layer.inputs])
            values[layer.output] = np.ascontiguousarray(output).reshape(self._shapes[layer.output])
        del values[self._input]
        return values
