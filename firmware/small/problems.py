# SPDX-License-Identifier: MIT
"""Errors that seldom occur: their texts take no memory until then.

raise once("problems").picture("image.missing", "rose.ppm", model)
"""

from .core import GalagoError

_PICTURES = {
    "image.missing": "%s: no such file: check the path",
    "image.truncated": "%s: ends too early: copy it again",
    "image.unsupported": "%s: this board reads .rgb and PPM of %dx%d pixels alone: "
    "send it with galago classify, which converts",
}


def picture(code, name, model):
    """Returns the error of a picture."""
    text = _PICTURES[code]
    values = (name, model.width, model.height) if "%d" in text else (name,)
    return GalagoError(code, text % values)


def golden(pattern, name):
    """Returns the error of wrong scores."""
    text = "golden picture %d of %s gives wrong scores: flash the model again"
    return GalagoError("backend.wrong", text % (pattern, name))


def weights():
    """Returns the error of a file that became shorter."""
    return GalagoError("model.hash", "the file of weights is shorter than when it was loaded: flash it again")
