# SPDX-License-Identifier: MIT
"""Classifies pictures: path or camera frame in, ranked classes out.

net = Classifier("/models/everyday-v1-025-96")
for result in net.classify("cat.jpg", "cup.bmp", top=3):
    print(result)           # or result.label, result.confidence, result.error
"""

import gc
import time

from . import backends
from .errors import GalagoError
from .model import Model
from .ranking import rank
from .result import Result

try:
    from .image import Resizer
except ImportError:  # firmware on which the backend prepares pictures itself (backends/k210.py)
    Resizer = None


def _unreadable(path, error):
    text = "%s cannot be read (error %s): insert its card again and reset the board, or flash the model again"
    return GalagoError("board.file", text % (path, error.errno))


class Classifier:
    """A verified model on one backend, with the buffers to feed it.

    `order` names the backends to try (default: backends.ORDER). `backend` is the name of the one in use,
    `skipped` a list of (name, GalagoError) for those that could not be used. `us` is the time of the last
    golden picture in microseconds, initially 0.

    Raises GalagoError: model.* for an incomplete or damaged model directory, memory.* if the model does not
    fit, backend.* if no backend can run it, board.file if its card or file system fails.
    """

    us = 0

    def __init__(self, path, order=None):
        gc.collect()
        try:
            self.model = model = Model(path)
            chosen = backends.choose(model, order)
            self._backend, self.backend, self.skipped = chosen.backend, chosen.name, chosen.skipped
            self._resizer = getattr(chosen.backend, "resizer", None)
            if self._resizer is None:
                self._resizer = Resizer(
                    model.height, model.width, model.channels, model.resize, model.transform
                )
        except OSError as error:
            raise _unreadable(path, error) from None
        except MemoryError:
            gc.collect()
            raise GalagoError(
                "memory.heap",
                "%s does not fit into the heap, %d bytes are free: use a smaller alpha or size"
                % (path, gc.mem_free()),
            ) from None
        two_of_one = model.outputs == 1 and len(model.labels) == 2 and model.activation != "softmax"
        if self._backend.outputs != model.outputs or not (two_of_one or model.outputs == len(model.labels)):
            raise GalagoError(
                "model.labels",
                "%s: %d labels for %d outputs: build the model directory again"
                % (model.name, len(model.labels), self._backend.outputs),
            )

    def classify(self, *paths, top=1):
        """Yields one Result per path, in order; for an unusable picture, a Result with the error."""
        for path in paths:
            yield self._classify(path, top)

    def watch(self, camera, top=1):
        """Yields one Result per frame of a camera (mobilenet.camera), without end.

        A frame is captured when its result is requested; frames are named "frame 0", "frame 1", …
        """
        number = 0
        while True:
            yield self._answer("frame %d" % number, camera.capture, (self._resizer,), top)
            number += 1

    def _classify(self, path, top):
        return self._answer(path.rsplit("/", 1)[-1], self._resizer.read, (path,), top)

    def _answer(self, name, fill, arguments, top):
        # `fill` writes a picture into the tensor that is its last argument.
        result = Result(name)
        try:
            fill(*(arguments + (self._backend.input,)))  # (old compilers accept no argument after *arguments)
            start = time.ticks_us()
            scores = self._invoke()
            elapsed = time.ticks_diff(time.ticks_us(), start)
        except GalagoError as error:
            result.error = error
            return result
        except MemoryError:
            gc.collect()
            result.error = GalagoError(
                "memory.heap",
                "%s: not enough memory, %d bytes are free: send a smaller picture"
                % (result.image, gc.mem_free()),
            )
            return result
        result.us = {"read": self._resizer.us_read, "resize": self._resizer.us_resize, "invoke": elapsed}
        result.picture = getattr(self._resizer, "image", None)
        result.turned = bool(getattr(self._resizer, "turned", False))
        model = self.model
        result.top = rank(scores, self._backend.confidence, model.activation, model.labels, top)
        result.unknown = result.confidence < model.unknown_below
        return result

    def _invoke(self):
        try:
            return self._backend.invoke()
        except OSError as error:  # weights are streamed
            raise _unreadable(self.model.path, error) from None

    def golden(self, pattern):
        """Returns the scores of a golden input (galago.models.pattern on the host), and sets `us`."""
        from .backends.golden import fill

        fill(pattern, self._backend.input)
        start = time.ticks_us()
        scores = self._invoke()
        self.us = time.ticks_diff(time.ticks_us(), start)
        return scores

    def confidence(self, score):
        """Returns the number that a score stands for: a probability, or a logit (Model.activation)."""
        return self._backend.confidence(score)

    def describe(self):
        """Returns what runs the model, as a dict; all keys except "backend" only with the built-in engine.

        backend         name of the backend
        kernels         what computes the layers, in words
        layers, native  number of layers, and of those that machine code computes
        weights         where they are: "place" (in a ROMFS), "ram" or "stream" (read from the file)
        arena_bytes     bytes that the engine allocates, excluding weights
        macs            MACs of one inference
        """
        describe = getattr(self._backend, "describe", dict)
        return dict(describe(), backend=self.backend)

    def self_test(self):
        """Compares the built-in engine's scores of the golden picture with those of TensorFlow Lite Micro.

        Raises GalagoError backend.wrong. Other backends were checked when they were chosen.
        """
        if self.model.golden is None or self.backend != "builtin":
            return
        pattern, expected = self.model.golden
        scores = self.golden(pattern)
        worst = max([abs(scores[index] - score) for index, score in enumerate(expected)])
        if worst:
            raise GalagoError(
                "backend.wrong",
                "the self-test failed: golden picture %d of %s is off by %d of 256: flash the model again"
                % (pattern, self.model.name, worst),
            )

    def close(self):
        """Frees all memory; the classifier cannot be used afterwards."""
        self._backend.close()
        self._backend = self._resizer = None
        gc.collect()
