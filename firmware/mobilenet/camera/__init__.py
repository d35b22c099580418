# SPDX-License-Identifier: MIT
"""Cameras. A driver is one file here, found by its name.

    eye = camera.open({"driver": "esp32", "pins": {…}})
    eye.capture(resizer, tensor)     # a new frame, exposed after the call, into the input tensor
    eye.close()

A driver module has `open(settings)`, which raises ImportError where the board's firmware lacks its module,
and GalagoError camera.failed where the camera does not start. `capture` sets `resizer.us_read` and
`resizer.us_resize` as `Resizer.read` does, and raises GalagoError camera.failed where no whole frame comes;
the next call tries again.

    driver   one of DRIVERS; by default the first whose module the firmware has
    pins     GPIO numbers by signal, where the module must be told (esp32): as in the board's TOML
    skip     frames to discard before each one that counts (default: as many as may be waiting)
    mirror, flip   true or false: turn the picture, or not, against what the firmware does by itself
    swap     true where red and blue are mixed up (default false)
"""

from ..errors import GalagoError

DRIVERS = ("openmv", "esp32", "maixpy")


def open(settings):  # noqa: A001 (read as camera.open)
    """The board's camera. Raises GalagoError camera.missing or camera.failed."""
    named = settings.get("driver")
    for name in (named,) if named else DRIVERS:
        try:
            driver = __import__("mobilenet.camera." + name, None, None, ("open",))
            return driver.open(settings)
        except ImportError:
            continue
    text = "this firmware has no camera module for %s: install a firmware that has"
    raise GalagoError("camera.missing", text % (named or " or ".join(DRIVERS)))
