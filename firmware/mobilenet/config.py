# SPDX-License-Identifier: MIT
"""galago.json: what the board does at boot. `galago flash` writes it; it can be edited by hand.

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

After a successful boot a copy is kept as galago.good.json, which later boots fall back to.
"""

import os

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

_NUMBER = (int, float)


def _choice(*names):
    return str, lambda value: value in names, " or ".join(['"%s"' % name for name in names])


def _from(least, kind, unit):
    return kind, lambda value: value >= least, "%s from %s" % (unit, least)


def _anything(value):
    return True


# Key: default (None: the key is required), accepted types, test of a value, description of what is expected.
_KEYS = {
    "model": (None, str, _anything, "the path of a model directory"),
    "backends": ([], list, lambda value: all(isinstance(name, str) for name in value), "a list of names"),
    "source": ("files",) + _choice("files", "camera", "host"),
    "folder": (ROOT + "/pictures", str, _anything, "the path of a folder"),
    "loop": (False, bool, _anything, "true or false"),
    "camera": ({}, dict, _anything, "an object"),
    "top": (1,) + _from(1, int, "a number"),
    "threshold": (-1, _NUMBER, lambda value: value == -1 or 0 <= value <= 1, "a confidence, 0 to 1"),
    "interval": (0,) + _from(0, _NUMBER, "seconds,"),
    "led": ("", (str, int), _anything, "the name or number of a pin"),
    "display": ("",) + _choice("", "lcd"),
    "watchdog": (0,) + _from(0, _NUMBER, "seconds,"),
    "self_test": (True, bool, _anything, "true or false"),
}


def _invalid(path, text):
    return GalagoError("config.invalid", "%s: %s" % (path, text))


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
    if not isinstance(content, dict):
        raise _invalid(path, "expected a JSON object")
    for key in content:
        if key not in _KEYS:
            raise _invalid(
                path, "unknown key %s, expected one of %s" % (jsonfile.shown(key), ", ".join(sorted(_KEYS)))
            )
    settings = {}
    for key, (default, kind, accepts, expected) in _KEYS.items():
        settings[key] = value = content.get(key, default)
        if value is None:
            raise _invalid(path, "no '%s', expected %s" % (key, expected))
        wrong = not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))
        if wrong or not accepts(value):
            raise _invalid(path, "'%s' is %s, expected %s" % (key, jsonfile.shown(value), expected))
    return settings


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
