# SPDX-License-Identifier: MIT
"""Runtimes that can run a model. A backend is one file here, found by its name, with

supports(model)   None, or the reason why it cannot run this model
load(model)       an object with
    .input        int8 buffer of height x width x channels, to be filled by the caller
    .outputs      how many scores there are
    .invoke()     runs the model; gives its scores as an indexable of int8 or float
    .confidence(score)   the probability (0..1) that one score stands for
    .close()      gives all memory back
"""


def load(name, model):
    """The backend `name`, loaded with a verified Model.

    Raises GalagoError backend.unknown or backend.refused.
    """
    from ..errors import GalagoError

    try:
        module = __import__("mobilenet.backends." + name, None, None, ("load",))
    except ImportError:
        raise GalagoError("backend.unknown", "no backend '%s' on this board: try 'builtin'" % name) from None
    reason = module.supports(model)
    if reason:
        raise GalagoError(
            "backend.refused", "%s cannot run %s: %s: try 'builtin'" % (name, model.name, reason)
        )
    return module.load(model)
