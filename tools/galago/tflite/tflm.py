# SPDX-License-Identifier: MIT
"""TensorFlow Lite Micro, the oracle: what a full-int8 model computes, byte for byte.

oracle = Tflm(model_bytes)
scores = oracle.run(picture)            # int8 in, int8 out
every = oracle.tensors(picture)         # tensor number -> int8 array, of everything computed
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from galago.errors import GalagoError


class Tflm:
    """One model in TFLM's reference kernels. All tensors are kept, so memory is the sum of all.

    Raises GalagoError("model.operator") for what TFLM refuses to load. TFLM ends the process on some
    malformed models: check them elsewhere first.

    input_details, output_details   shape, dtype (as of array), scale, zero_point
    """

    def __init__(self, model: bytes) -> None:
        from tflite_micro.python.tflite_micro import runtime
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        self._model = model
        graph: Any = schema.Model.GetRootAs(model, 0).Subgraphs(0)
        if graph is None:
            raise GalagoError("model.malformed", "the model has no graph")
        self._outputs = [int(graph.Operators(i).Outputs(0)) for i in range(graph.OperatorsLength())]
        sizes = [int(np.prod(graph.Tensors(i).ShapeAsNumpy())) for i in range(graph.TensorsLength())]
        self._arena = sum(sizes) * 4 + len(model) + (1 << 20)
        try:
            self._kept: Any = runtime.Interpreter.from_bytes(
                model,
                arena_size=self._arena,
                intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
            )
        except RuntimeError as error:
            raise GalagoError(
                "model.operator", f"TensorFlow Lite Micro refuses the model: {error}"
            ) from error
        self.input_details = _details(self._kept.get_input_details(0))
        self.output_details = _details(self._kept.get_output_details(0))
        self.input_shape: tuple[int, ...] = self.input_details["shape"]

    def run(self, picture: np.ndarray) -> np.ndarray:
        """The output, int8 in the model's output shape, for an int8 input of the model's input shape."""
        self._kept.set_input(np.ascontiguousarray(picture, np.int8).reshape(self.input_shape), 0)
        self._kept.invoke()
        return self._kept.get_output(0)

    def tensors(self, picture: np.ndarray) -> dict[int, np.ndarray]:
        """Every tensor that an operator computes, by its number in the graph, in the order of operators."""
        self.run(picture)
        return {i: self._kept.GetTensor(i, 0)["tensor_data"] for i in self._outputs}

    @property
    def arena_bytes(self) -> int:
        """What TFLM itself needs for this model, as its recording allocator reports after a run."""
        from tflite_micro.python.tflite_micro import runtime

        recording = runtime.Interpreter.from_bytes(self._model, arena_size=self._arena)
        recording.set_input(np.zeros(self.input_shape, np.int8), 0)
        recording.invoke()
        with _stderr() as text:
            recording.print_allocations()
        found = re.search(r"Arena allocation total (\d+) bytes", text[0])
        if not found:
            raise GalagoError("model.operator", "TensorFlow Lite Micro reports no arena size")
        return int(found[1])


def _details(given: dict) -> dict[str, Any]:
    quantization = given["quantization_parameters"]
    return {
        "shape": tuple(int(n) for n in given["shape"]),
        "dtype": np.dtype(given["dtype"]).char,
        "scale": float(quantization["scales"][0]) if len(quantization["scales"]) else 0.0,
        "zero_point": int(quantization["zero_points"][0]) if len(quantization["zero_points"]) else 0,
    }


@contextlib.contextmanager
def _stderr() -> Iterator[list[str]]:
    """Catches what C++ writes to file descriptor 2; the one string of the list is filled at the end."""
    text = [""]
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield text
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            text[0] = file.read().decode()
