# SPDX-License-Identifier: MIT
"""OpenMV's module `ml` (firmware 4.5.6 and later): TensorFlow Lite Micro in C, with CMSIS-NN kernels."""

import gc

import ml

TOLERANCE = 1  # its scores are floats that stand for exactly TFLM's int8


def supports(model):
    """Returns None, or the reason why `ml` cannot run this model."""
    if not model.file("tflite"):
        return "its directory on this board has no .tflite"
    return None


class _Runtime:
    def __init__(self, model):
        gc.collect()
        try:
            # Labels come from model.json; `ml` itself would look for a .txt file beside the model.
            self._model = ml.Model(model.file("tflite"))
        except (OSError, ValueError, RuntimeError) as error:
            from ..errors import GalagoError

            raise GalagoError(
                "backend.refused", "openmv cannot load %s (%s): try 'builtin'" % (model.name, error)
            ) from None
        self.input = None
        self.outputs = model.outputs
        # A callable receives the tensor itself; images and arrays would pass through RGB565 or floats.
        self._model.predict([self._keep])

    def _keep(self, buffer, shape, dtype):
        self.input = buffer

    def _filled(self, buffer, shape, dtype):
        # `ml` passes the same memory each time; this copy also works for a release that does not.
        buffer[:] = self.input

    def invoke(self):
        return self._model.predict([self._filled])[0].flatten()

    def confidence(self, score):
        return score

    def close(self):
        self._model = self.input = None
        gc.collect()


load = _Runtime
