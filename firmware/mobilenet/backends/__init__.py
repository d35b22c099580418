# SPDX-License-Identifier: MIT
"""Runtimes that can run a model. A backend is one file here, found by its name; it imports its runtime at
once, so that ImportError says that the board's firmware lacks it. It has

supports(model)   None, or the reason why it cannot run this model
TOLERANCE         how far a score may be from TensorFlow Lite Micro's, in 1/256
load(model)       an object with
    .input        int8 buffer of height x width x channels, to be filled anew before each invoke
    .outputs      how many scores there are
    .invoke()     runs the model; gives its scores as an indexable of int8 or float
    .confidence(score)   the probability (0..1) that one score stands for
    .close()      gives all memory back

    chosen = backends.choose(model)     # the first of ORDER that is there, can, and answers rightly
    chosen.name, chosen.backend, chosen.skipped
"""

import gc
import sys

from ..errors import GalagoError

ORDER = ("openmv", "microlite", "maixpy", "canmv_k210", "canmv_k230", "emlearn", "builtin")
"""The order where nobody says another: accelerators and C before the built-in engine, which runs anywhere."""


class Chosen:
    """A loaded backend, its name, and a list of (name, GalagoError) of those that were passed over."""

    def __init__(self, name, backend, skipped):
        self.name = name
        self.backend = backend
        self.skipped = skipped


def load(name, model):
    """The backend `name`, loaded with a verified Model, and proved by the model's golden picture.

    Raises GalagoError backend.unknown, backend.refused, backend.wrong, or what loading raises.
    """
    try:
        module = __import__("mobilenet.backends." + name, None, None, ("load",))
    except (ImportError, ValueError):  # ValueError: machine code that this board does not load
        raise GalagoError("backend.unknown", "no backend '%s' on this board: try 'builtin'" % name) from None
    reason = module.supports(model)
    if reason:
        raise GalagoError(
            "backend.refused", "%s cannot run %s: %s: try 'builtin'" % (name, model.name, reason)
        )
    backend = module.load(model)
    try:
        _prove(name, backend, model, module.TOLERANCE)
    except BaseException:
        backend.close()
        raise
    return backend


def choose(model, order=None):
    """The first backend in `order` (default ORDER) that runs the model rightly, as a Chosen.

    Those that the firmware lacks are passed over in silence; the others say why, in `skipped`. Raises the
    error of the last one if none is left.
    """
    skipped = []
    failure = None
    for name in order or ORDER:
        try:
            return Chosen(name, load(name, model), skipped)
        except MemoryError:
            # Not raised from here: the traceback would hold on to what has to go.
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


def _prove(name, backend, model, tolerance):
    """Compares the answer to a golden picture with TensorFlow Lite Micro's.

    The built-in engine is spared: nothing could take its place, and an inference may take seconds there.
    """
    if tolerance is None or model.golden is None or len(model.golden[1]) != backend.outputs:
        return
    pattern, expected = model.golden
    from .golden import fill

    fill(pattern, backend.input)
    scores = backend.invoke()
    right, worst = True, 0
    for index, wanted in enumerate(expected):
        probability = (wanted - model.output_zero_point) * model.output_scale
        difference = 256 * abs(backend.confidence(scores[index]) - probability)
        if not difference <= tolerance + 0.01:  # also where it is no number
            right, worst = False, max(worst, difference)
    if not right:
        raise GalagoError(
            "backend.wrong",
            "%s answers golden picture %d of %s wrongly, by %.1f of 256 where %d are allowed: try 'builtin'"
            % (name, pattern, model.name, worst, tolerance),
        )
