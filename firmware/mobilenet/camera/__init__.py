# SPDX-License-Identifier: MIT
"""Camera drivers. A driver is one file in this folder, found by its name.

    eye = camera.open()                                     # as galago.json says
    eye = camera.open({"driver": "esp32", "pins": {…}})     # otherwise
    eye.capture(resizer, tensor)     # a new frame, exposed after the call, into the input tensor
    eye.close()

A driver module defines `open(settings)`, which raises ImportError if the firmware lacks the camera module,
and GalagoError camera.failed if the camera does not start. `capture` sets `resizer.us_read` and
`resizer.us_resize` as `Resizer.read` does, and raises GalagoError camera.failed if no complete frame arrives;
the next call tries again. Settings:

    driver   openmv, esp32, lemariva, maixpy or canmv_k230 (default: the first whose module the firmware has)
    pins     GPIO numbers by signal, as in the board's TOML, for modules that need them (esp32, lemariva)
    skip     frames to discard before each capture (default: as many as may be buffered)
    mirror, flip   true or false: mirror or flip the picture (default: as the firmware does)
    swap     true if red and blue are exchanged (default false)
"""

from ..errors import GalagoError


def open(settings=None):  # noqa: A001 (read as camera.open)
    """Opens the board's camera; without `settings` as galago.json says.

    Raises GalagoError camera.missing, camera.failed, or config.invalid for wrong settings.
    """
    from .. import config

    settings, names = config.camera(settings)
    for name in names:
        try:
            driver = __import__("mobilenet.camera." + name, None, None, ("open",))
            return driver.open(settings)
        except ImportError:
            continue
    text = "this firmware has no camera module for %s: install a firmware that has one"
    raise GalagoError("camera.missing", text % " or ".join(names))
