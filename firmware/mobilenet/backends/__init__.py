# SPDX-License-Identifier: MIT
"""Backends: adapters for the runtimes that can run a model.

A backend is one file in this folder, found by its name. It imports its runtime at module level, so that
ImportError shows that the board's firmware lacks the runtime. It defines

supports(model)   returns None, or the reason why it cannot run this model
TOLERANCE         largest deviation of a score from TensorFlow Lite Micro's, in 1/256; None: not checked here
load(model)       returns an object with
    .input        int8 buffer of height x width x channels, to be refilled before each invoke
    .outputs      number of scores
    .invoke()     runs the model; returns its scores, an indexable of int8 or float
    .confidence(score)   returns the number that a score stands for: a probability, or a logit
    .close()      frees all memory
    .describe()   optional; returns the entries of Classifier.describe()

    chosen = backends.choose(model)     # the first of ORDER that can run the model correctly
    chosen.name, chosen.backend, chosen.skipped
"""

import gc
import sys

from ..errors import GalagoError

ORDER = ("openmv", "microlite", "maixpy", "canmv_k210", "canmv_k230", "emlearn", "builtin")
"""The default order: accelerators and C runtimes before the built-in engine, which runs anywhere."""


class Chosen:
    """A loaded backend, its name, and a list of (name, GalagoError) for the backends that were skipped."""

    def __init__(self, name, backend, skipped):
        self.name = name
        self.backend = backend
        self.skipped = skipped


def load(name, model):
    """Loads a verified Model with the backend `name`, and checks the scores of its golden picture.

    Raises GalagoError backend.unknown, backend.refused, backend.wrong, or what loading raises.
    """
    try:
        module = __import__("mobilenet.backends." + name, None, None, ("load",))
    except (ImportError, ValueError):  # ValueError: machine code that this board cannot load
        module = None
    if not hasattr(module, "TOLERANCE"):  # a config may name any module of this folder
        text = "there is no backend '%s' on this board: try 'builtin'"
        raise GalagoError("backend.unknown", text % name)
    reason = module.supports(model)
    if reason:
        raise GalagoError(
            "backend.refused", "%s cannot run %s: %s: try 'builtin'" % (name, model.name, reason)
        )
    backend = module.load(model)
    try:
        _check(name, backend, model, module.TOLERANCE)
    except BaseException:
        backend.close()
        raise
    return backend


def choose(model, order=None):
    """Returns the first backend in `order` (default ORDER) that runs the model correctly, as a Chosen.

    Backends that the firmware lacks are skipped silently; `skipped` holds the errors of the others. If none
    works, raises the error of the last one.
    """
    skipped = []
    failure = None
    for name in order or ORDER:
        try:
            return Chosen(name, load(name, model), skipped)
        except MemoryError:
            # Not raised here: the traceback would keep the memory that has to be freed.
            failure = GalagoError("memory.heap", "%s: %s does not fit into the heap" % (name, model.name))
        except GalagoError as error:
            failure = error
        if failure.code != "backend.unknown":
            skipped.append((name, failure))
        sys.modules.pop("mobilenet.backends." + name, None)
        gc.collect()
    if skipped:
        failure = skipped[-1][1]
    raise failure


def _check(name, backend, model, tolerance):
    """Compares the scores of the golden picture with those of TensorFlow Lite Micro.

    The built-in engine is exempt: nothing could replace it, and its inference may take seconds.
    """
    if tolerance is None or model.golden is None or len(model.golden[1]) != backend.outputs:
        return
    pattern, expected = model.golden
    from .golden import fill

    fill(pattern, backend.input)
    scores = backend.invoke()
    correct, worst = True, 0
    step = model.output_scale or 1
    for index, score in enumerate(expected):
        value = (score - model.output_zero_point) * step
        difference = abs(backend.confidence(scores[index]) - value) / step
        if not difference <= tolerance + 0.01:  # true for NaN too
            correct, worst = False, max(worst, difference)
    if not correct:
        raise GalagoError(
            "backend.wrong",
            "%s is off by %.1f of 256 on golden picture %d of %s, %d are allowed: try 'builtin'"
            % (name, worst, pattern, model.name, tolerance),
        )
