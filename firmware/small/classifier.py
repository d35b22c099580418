# SPDX-License-Identifier: MIT
"""Classifies pictures of exactly the model's input size, which the host makes: .rgb files and PPM (P6).

net = Classifier("/models/flowers-nano-48")
for result in net.classify("rose.rgb"):
    print(result)

It has the names of the whole package's Classifier that a board's program needs.
"""

import gc
import time

from micropython import const

from .engine import Engine, flip, once
from .errors import GalagoError
from .ranking import rank
from .result import Result

_LONGEST_HEADER = const(32)  # bytes of a PPM


class Model:
    """What a program may ask about the model, as flashed."""

    def __init__(self, facts):
        self.name, self.labels = facts["model"], facts["labels"]
        self.height, self.width, self.channels = facts["shape"]
        self.resize, self.activation = facts["resize"], facts["activation"]
        self.unknown_below = facts["unknown_below"]
        self.output_scale, self.output_zero_point = facts["output"][2:]
        self.golden = facts["golden"]


class Classifier:
    """The model of this board, if `path` names it. `order` is for programs that choose runtimes.

    When the machine code is new, the outputs of all golden pictures and the sums of all layers are compared
    with the host's (proof.py). Raises GalagoError model.*, memory.heap, backend.wrong or backend.refused.
    """

    backend = "builtin"
    skipped = ()
    us = 0

    def __init__(self, path, order=None):
        path = path.rstrip("/")
        self._net = Engine(path)
        facts, self._net.facts = self._net.facts, None  # its memory is for pictures
        self.model = Model(facts)
        once("proof").check(self, path.rsplit("/", 2)[0] + "/galago.kernels.json", facts["proof"])
        gc.collect()

    def classify(self, *paths, top=1):
        """Yields one Result per path, in order; for an unusable picture, a Result with the error."""
        for path in paths:
            yield self.answer(path.rsplit("/", 1)[-1], self._read, path, top)

    def answer(self, name, fill, argument, top):
        """Returns the Result of the picture that `fill(argument, tensor)` writes as pixels."""
        result = Result(name)
        tensor = self._net.input
        try:
            start = time.ticks_us()
            fill(argument, tensor)
            read = time.ticks_us()
            flip(tensor, len(tensor))
            ready = time.ticks_us()
            self._net.invoke()
            end = time.ticks_us()
        except GalagoError as error:
            result.error = error
            return result
        except MemoryError:
            gc.collect()
            result.error = GalagoError("memory.heap", "%s: not enough memory: send it again" % name)
            return result
        read, ready, end = [time.ticks_diff(time_, start) for time_ in (read, ready, end)]
        result.us = {"read": read, "resize": ready - read, "invoke": end - ready}
        model = self.model
        result.top = rank(self._net.output, self.confidence, model.activation, model.labels, top)
        result.unknown = result.confidence < model.unknown_below
        return result

    def _read(self, path, tensor):
        problem = ""
        try:
            with open(path, "rb") as file:
                rest = file.seek(0, 2) - len(tensor)
                file.seek(0)
                if rest:  # more than pixels: the header of a PPM
                    head = file.read(rest) if 0 < rest <= _LONGEST_HEADER else b""
                    if head.split() != [b"P6", b"%d" % self.model.width, b"%d" % self.model.height, b"255"]:
                        problem = "image.unsupported"
                if not problem and file.readinto(tensor) != len(tensor):
                    problem = "image.truncated"
        except OSError:
            problem = "image.missing"
        if problem:
            raise once("problems").picture(problem, path.rsplit("/", 1)[-1], self.model)

    def golden(self, pattern, sums=None):
        """Returns the scores of a golden input, and sets `us`."""
        once("patterns").fill(self._net.input, len(self._net.input), pattern)
        start = time.ticks_us()
        self._net.invoke(sums)
        self.us = time.ticks_diff(time.ticks_us(), start)
        return self._net.output

    def compare(self, pattern, expected, sums=None):
        """Raises GalagoError backend.wrong if a golden picture gives other scores."""
        if list(self.golden(pattern, sums)) != expected:
            raise once("problems").golden(pattern, self.model.name)

    def self_test(self):
        """Compares the last golden picture. Raises GalagoError backend.wrong."""
        self.compare(*self.model.golden)

    def confidence(self, score):
        """Returns the number that a score stands for: a probability, or a logit."""
        return (score - self.model.output_zero_point) * self.model.output_scale

    def describe(self):
        """Returns what runs the model, as a dict, as the whole package does."""
        return once("problems").describe(self._net)

    def close(self):
        """Frees all memory; the classifier cannot be used afterwards."""
        self._net.close()
        gc.collect()
