# SPDX-License-Identifier: MIT
"""galago.json: what the board does at boot. `galago flash` writes it, `galago config` shows and changes it.

    {"model": "/models/everyday-v1-025-96", "source": "files", "folder": "/pictures", "top": 1, "interval": 1}

    model      the model directory to run
    backends   runtimes in order of preference (default: all that the firmware has)
    source     where pictures come from: "files", "camera" or "host" (sources.py)
    folder     files: the folder that they are in
    loop       files: start over after the last one (default false)
    camera     camera: settings of its driver (camera/__init__.py)
    top        number of classes to report (default 1)
    threshold  confidence from which a class counts as known (default: the model's own)
    interval   seconds between pictures (default 0)
    led        machine.Pin, by name or number, that is on after a known class; "~" in front: active low
    display    the display that shows results: "lcd" (outputs/display.py)
    watchdog   seconds without progress after which the board restarts (default 0: never)
    self_test  compare a golden output before the first picture (default true)

settings.py says what each key accepts. Once everything has opened, a copy is kept as galago.good.json, which
later boots fall back to.
"""

import os
import sys

from . import jsonfile
from .errors import GalagoError


def _root():
    # At a root directory that only holds mount points, statvfs counts no blocks.
    if os.statvfs("/")[2]:
        return ""
    found = [name for name in ("flash", "sdcard", "sd") if name in os.listdir("/")]
    return "/" + found[0] if found else ""


ROOT = _root()
PATH = ROOT + "/galago.json"
GOOD = ROOT + "/galago.good.json"


def read(path=PATH):
    """Returns the settings in a file, with defaults filled in.

    Raises GalagoError config.missing or config.invalid.
    """
    try:
        content = jsonfile.load(path)
    except OSError:
        raise GalagoError("config.missing", "no %s: create it with galago flash" % path) from None
    except ValueError:
        raise _invalid(path, "not valid JSON: correct it, or write it again with galago flash") from None
    return _checked(lambda settings: settings.complete(content, ROOT + "/pictures"), path)


def camera(chosen=None):
    """Returns (settings of the camera, names of the drivers to try); without `chosen` those of galago.json.

    Raises GalagoError config.invalid.
    """
    if chosen is None:
        chosen = read()["camera"]
    drivers = _checked(lambda settings: settings.check_camera(chosen) or settings.DRIVERS, "the camera")
    return chosen, (chosen["driver"],) if "driver" in chosen else drivers


def _checked(check, what):
    try:
        from . import settings

        return check(settings)
    except ValueError as error:
        raise _invalid(what, str(error)) from None
    finally:  # its keys are not needed again, their memory is
        sys.modules.pop("mobilenet.settings", None)
        package = sys.modules.get("mobilenet")
        if hasattr(package, "settings"):
            delattr(package, "settings")


def _invalid(path, text):
    return GalagoError("config.invalid", "%s: %s" % (path, text))


def keep():
    """Copies galago.json to galago.good.json; after a power cut that is the old copy or the new one."""
    with open(PATH) as file:
        text = file.read()
    try:
        with open(GOOD) as file:
            if file.read() == text:  # saves the flash a write at every boot
                return
    except OSError:
        pass
    with open(GOOD + ".new", "w") as file:
        file.write(text)
    os.rename(GOOD + ".new", GOOD)
