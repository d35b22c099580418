# SPDX-License-Identifier: MIT
"""Inference services of the stand-in runtimes: TensorFlow Lite Micro, TinyMaix's arithmetic, nncase's K230.

Each service holds the models that one run of a board has loaded.
"""

import numpy as np

from galago.emulator.host_calls import StandInError
from galago.errors import GalagoError
from galago.targets import k230
from galago.targets.tinymaix import simulator
from galago.targets.tinymaix.tmdl import Tmdl
from galago.tflite import summary, tflm


class TflmService:
    """TensorFlow Lite Micro itself, for `ml` and `microlite`."""

    def __init__(self) -> None:
        self._models: list[tflm.Tflm] = []

    def load(self, data: bytes) -> dict:
        """Load a .tflite. Returns its number, arena size in bytes, and details of its input and output.

        Raises StandInError RuntimeError if TFLM cannot run it.
        """
        try:
            summary.layers(data)  # some damaged models would make TFLM end this process
            model = tflm.Tflm(data)
        except GalagoError as error:
            raise StandInError("RuntimeError", error.message) from error
        self._models.append(model)
        tensors = {"input": model.input_details, "output": model.output_details}
        return {"model": len(self._models) - 1, "arena": model.arena_bytes, **tensors}

    def invoke(self, model: int, data: bytes) -> tuple[None, bytes]:
        """Run a model on an int8 input. Returns its int8 scores."""
        return None, self._models[model].run(np.frombuffer(data, np.int8)).tobytes()


class EmlearnService:
    """TinyMaix's arithmetic, for `emlearn_cnn_int8`."""

    def __init__(self) -> None:
        self._models: list[Tmdl] = []

    def load(self, data: bytes) -> dict:
        """Load a .tmdl. Returns its number, the sizes of input and output, and buffer size in bytes.

        Raises StandInError RuntimeError as emlearn does.
        """
        try:
            model = Tmdl.read(data)
        except GalagoError as error:
            raise StandInError("RuntimeError", "tm_load error") from error
        self._models.append(model)
        return {
            "model": len(self._models) - 1,
            "inputs": int(np.prod(model.input_shape)),
            "outputs": model.outputs,
            "buffer": model.buffer_bytes,
        }

    def run(self, model: int, data: bytes) -> tuple[None, bytes]:
        """Run a model on uint8 pixels. Returns its float32 scores."""
        return None, simulator.run(self._models[model], np.frombuffer(data, np.uint8)).tobytes()


class K230Service:
    """nncase's simulator of the K230, which must be installed on the host."""

    def __init__(self) -> None:
        self._models: list[bytes] = []

    def load(self, data: bytes) -> dict | None:
        """Load a .kmodel.

        Returns its number and the sizes of input and output, or None if it does not load.
        """
        if not k230.available():
            raise StandInError(
                "OSError", f"nncase, which simulates the K230, is not installed: {k230.INSTALL}"
            )
        try:
            sizes = k230.input_output_sizes(data)
        except GalagoError:
            return None
        self._models.append(data)
        return {"model": len(self._models) - 1, "inputs": sizes.inputs, "outputs": sizes.outputs}

    def run(self, model: int, shape: list[int], data: bytes) -> tuple[None, bytes]:
        """Run a model on uint8 pixels of `shape` (height, width, channels). Returns its float32 scores."""
        pixels = np.frombuffer(data, np.uint8).reshape(1, *shape)
        try:
            return None, k230.simulate(self._models[model], pixels).tobytes()
        except GalagoError as error:
            raise StandInError("RuntimeError", "KPU run failed.") from error
