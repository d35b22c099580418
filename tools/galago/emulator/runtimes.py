# SPDX-License-Identifier: MIT
"""The inference of stand-in runtimes: the real TensorFlow Lite Micro, TinyMaix's arithmetic, and nncase's
simulator of a K230.
"""

import numpy as np

from galago.emulator.link import StandInError
from galago.errors import GalagoError
from galago.targets import k230, tinymaix
from galago.tflite import summary, tflm


class Tflm:
    """The models that one run of a board has loaded."""

    def __init__(self) -> None:
        self._models: list[tflm.Tflm] = []

    def load(self, data: bytes) -> dict:
        """Takes a .tflite; gives its number, the bytes of TFLM's arena, and the kind of its ends.

        Raises StandInError RuntimeError where TFLM cannot run it.
        """
        try:
            summary.layers(data)  # TFLM ends this process over some damaged models
            model = tflm.Tflm(data)
        except GalagoError as error:
            raise StandInError("RuntimeError", error.message) from error
        self._models.append(model)
        ends = {"input": model.input_details, "output": model.output_details}
        return {"model": len(self._models) - 1, "arena": model.arena_bytes, **ends}

    def invoke(self, model: int, data: bytes) -> tuple[None, bytes]:
        """The int8 scores of an int8 input."""
        return None, self._models[model].run(np.frombuffer(data, np.int8)).tobytes()


class Emlearn:
    """The .tmdl models that one run of a board has loaded."""

    def __init__(self) -> None:
        self._models: list[tinymaix.Tmdl] = []

    def load(self, data: bytes) -> dict:
        """Takes a .tmdl; gives its number, the sizes of its ends, and of the buffer that it needs.

        Raises StandInError RuntimeError as emlearn does.
        """
        try:
            model = tinymaix.read(data)
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
        """The float32 scores of uint8 pixels."""
        return None, tinymaix.run(self._models[model], np.frombuffer(data, np.uint8)).tobytes()


class Kpu230:
    """The .kmodel files that one run of a K230 has loaded; nncase has to be installed here."""

    def __init__(self) -> None:
        self._models: list[bytes] = []

    def load(self, data: bytes) -> dict | None:
        """Takes a .kmodel; gives its number and the sizes of its ends, None if it does not load."""
        if not k230.available():
            raise StandInError("OSError", f"nncase, which simulates a K230, is not here: {k230.INSTALL}")
        try:
            found = k230.ends(data)
        except GalagoError:
            return None
        self._models.append(data)
        return {"model": len(self._models) - 1, "inputs": found.inputs, "outputs": found.outputs}

    def run(self, model: int, shape: list[int], data: bytes) -> tuple[None, bytes]:
        """The float32 scores of uint8 pixels [height, width, channels]."""
        pixels = np.frombuffer(data, np.uint8).reshape(1, *shape)
        try:
            return None, k230.simulate(self._models[model], pixels).tobytes()
        except GalagoError as error:
            raise StandInError("RuntimeError", "KPU run failed.") from error
