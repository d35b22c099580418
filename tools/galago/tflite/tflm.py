# SPDX-License-Identifier: MIT
"""TensorFlow Lite Micro, the reference: what a full-int8 model computes, byte for byte.

reference = Tflm(data)
scores = reference.run(picture)            # int8 in, int8 out
tensors = reference.tensors(picture)       # tensor index → int8 array, of everything that is computed
"""

import contextlib
import importlib
import importlib.util
import os
import re
import tempfile
from collections.abc import Generator
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from galago.errors import GalagoError
from galago.tflite import legacy, schema

Int8 = NDArray[np.int8]


class Details(TypedDict):
    """An input or output; `dtype` is a type code of `array`, scale and zero point are 0 if it has none."""

    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


class Tflm:
    """A model in TFLM's reference kernels. All tensors are kept, so it needs the memory of all of them.

    Raises GalagoError config.missing where there is no TFLM, model.malformed for bytes that are not a valid
    .tflite, model.operator for what it refuses to load, and model.quantization for weights with a zero point.
    TFLM ends the process on some damaged models that are valid: check these with engine.py first.
    """

    def __init__(self, model: bytes) -> None:
        if legacy.has_weight_zero_points(model):  # TFLM would end this process
            raise GalagoError(
                "model.quantization",
                "the weights have a zero point, which TensorFlow Lite Micro does not take: use builtin",
            )
        self._model = model
        self._outputs, elements = schema.operator_outputs(model)
        self._arena = elements * 4 + len(model) + (1 << 20)
        runtime = _runtime()
        try:
            self._interpreter: Any = runtime.Interpreter.from_bytes(
                model,
                arena_size=self._arena,
                intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
            )
        except RuntimeError as error:
            raise GalagoError(
                "model.operator", f"TensorFlow Lite Micro refuses the model: {error}"
            ) from error
        self.input_details = _details(self._interpreter.get_input_details(0))
        self.output_details = _details(self._interpreter.get_output_details(0))
        self.input_shape = self.input_details["shape"]

    def run(self, picture: Int8) -> Int8:
        """The output, int8 in the model's output shape, for an int8 input of the model's input shape."""
        self._interpreter.set_input(np.ascontiguousarray(picture, np.int8).reshape(self.input_shape), 0)
        self._interpreter.invoke()
        return self._interpreter.get_output(0)

    def tensors(self, picture: Int8) -> dict[int, Int8]:
        """Every tensor that an operator computes, by its index in the graph, in the order of operators."""
        self.run(picture)
        return {i: self._interpreter.GetTensor(i, 0)["tensor_data"] for i in self._outputs}

    @property
    def arena_bytes(self) -> int:
        """Bytes of arena that TFLM itself needs, as its recording allocator reports after a run."""
        recording = _runtime().Interpreter.from_bytes(self._model, arena_size=self._arena)
        recording.set_input(np.zeros(self.input_shape, np.int8), 0)
        recording.invoke()
        with _captured_stderr() as text:
            recording.print_allocations()
        total = re.search(r"Arena allocation total (\d+) bytes", text[0])
        if not total:
            raise GalagoError("model.operator", "TensorFlow Lite Micro reports no arena size")
        return int(total[1])


def available() -> bool:
    """Whether TFLM is installed; there are packages for Linux on x86-64 alone."""
    return importlib.util.find_spec("tflite_micro") is not None


def _runtime() -> Any:
    if not available():
        raise GalagoError(
            "config.missing",
            "this needs TensorFlow Lite Micro, which has packages for Linux on x86-64 alone: "
            "do it there, or on Windows in WSL",
        )
    return importlib.import_module("tflite_micro.python.tflite_micro.runtime")


def _details(details: dict[str, Any]) -> Details:
    quantization = details["quantization_parameters"]
    return {
        "shape": tuple(int(n) for n in details["shape"]),
        "dtype": np.dtype(details["dtype"]).char,
        "scale": float(quantization["scales"][0]) if len(quantization["scales"]) else 0.0,
        "zero_point": int(quantization["zero_points"][0]) if len(quantization["zero_points"]) else 0,
    }


@contextlib.contextmanager
def _captured_stderr() -> Generator[list[str]]:
    """Captures what C++ writes to file descriptor 2; at the end the one string of the list holds it."""
    text = [""]
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield text
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            text[0] = file.read().decode()
