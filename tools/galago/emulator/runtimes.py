# SPDX-License-Identifier: MIT
"""The inference of stand-in runtimes: the real TensorFlow Lite Micro."""

import numpy as np

from galago import network, tflm
from galago.emulator.link import StandInError
from galago.errors import GalagoError


class Tflm:
    """The models that one run of a board has loaded."""

    def __init__(self) -> None:
        self._models: list[tflm.Tflm] = []

    def load(self, data: bytes) -> dict:
        """Takes a .tflite; gives its number, the bytes of TFLM's arena, and the kind of its ends.

        Raises StandInError RuntimeError where TFLM cannot run it.
        """
        try:
            network.layers(data)  # TFLM ends this process over some damaged models
            model = tflm.Tflm(data)
        except GalagoError as error:
            raise StandInError("RuntimeError", error.message) from error
        self._models.append(model)
        ends = {"input": model.input_details, "output": model.output_details}
        return {"model": len(self._models) - 1, "arena": model.arena_bytes, **ends}

    def invoke(self, model: int, data: bytes) -> tuple[None, bytes]:
        """The int8 scores of an int8 input."""
        return None, self._models[model].run(np.frombuffer(data, np.int8)).tobytes()
