# SPDX-License-Identifier: MIT
"""OpenMV's `ml`, from firmware 4.5.6 on: TensorFlow Lite Micro in C, with kernels of the core."""

import gc

import ml

TOLERANCE = 1  # its scores are floats, of exactly TFLM's int8


def supports(model):
    """None, or the reason why ml cannot run this model."""
    if not model.file("tflite"):
        return "its directory on this board has no .tflite"
    return None


class _Runtime:
    def __init__(self, model):
        gc.collect()
        try:
            # Its labels come from model.json: ml looks for a .txt beside the part of the path before any dot.
            self._model = ml.Model(model.file("tflite"))
        except (OSError, ValueError, RuntimeError) as error:
            from ..errors import GalagoError

            raise GalagoError(
                "backend.refused", "openmv cannot load %s (%s): try 'builtin'" % (model.name, error)
            ) from None
        self.input = None
        self.outputs = len(model.labels)
        # A callable gets the tensor itself. Images and arrays would pass through RGB565 or floats instead.
        self._model.predict([self._keep])

    def _keep(self, buffer, shape, dtype):
        self.input = buffer

    def _filled(self, buffer, shape, dtype):
        # ml hands out the same memory each time; should a release not, the picture gets there all the same.
        buffer[:] = self.input

    def invoke(self):
        return self._model.predict([self._filled])[0].flatten()

    def confidence(self, score):
        return score

    def close(self):
        self._model = self.input = None
        gc.collect()


load = _Runtime
