# SPDX-License-Identifier: MIT
"""galago.json: what the board does at boot. `galago flash` writes it; a text editor will do.

    {"model": "/models/everyday-v1-025-96", "source": "files", "folder": "/pictures", "top": 1, "interval": 1}

    model      the model directory to run
    backends   runtimes in order of preference (default: those that are there)
    source     where pictures come from: "files", "camera" or "host" (sources.py)
    folder     files: where they lie
    loop       files: start again after the last one (default false)
    camera     camera: settings of its driver (camera/__init__.py)
    top        how many classes to report (default 1)
    threshold  confidence from which a class counts as known (default: the model's own)
    interval   seconds between pictures (default 0)
    led        machine.Pin that is on after a known class, by name or number; "~" before it: lit when low
    display    the display to show results on: "lcd" (display.py)
    watchdog   seconds without a sign of life after which the board restarts (default 0: never)
    self_test  compare a golden output before the first picture (default true)

After a boot that worked the file is kept as galago.good.json, which is what a later boot falls back to.
"""

import os

from . import jsonfile
from .errors import GalagoError


def _root():
    # At the top of a tree in which file systems are mounted, statvfs counts no blocks.
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


def _from(least, kind, wanted):
    return kind, lambda value: value >= least, "%s from %s" % (wanted, least)


def _anything(value):
    return True


# Key: default (None: it must be there), accepted types, whether a value will do, and what was wanted.
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
    """The settings in a file, complete with defaults. Raises GalagoError config.missing, config.invalid."""
    try:
        given = jsonfile.load(path)
    except OSError:
        raise GalagoError("config.missing", "no %s: write one with galago flash" % path) from None
    except ValueError:
        raise _invalid(path, "not JSON: correct it, or write it again with galago flash") from None
    if not isinstance(given, dict):
        raise _invalid(path, "wanted a JSON object")
    for key in given:
        if key not in _KEYS:
            raise _invalid(
                path, "unknown key %s, wanted one of %s" % (jsonfile.shown(key), ", ".join(sorted(_KEYS)))
            )
    settings = {}
    for key, (default, kind, will_do, wanted) in _KEYS.items():
        settings[key] = value = given.get(key, default)
        if value is None:
            raise _invalid(path, "no '%s', wanted %s" % (key, wanted))
        wrong = not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))
        if wrong or not will_do(value):
            raise _invalid(path, "'%s' is %s, wanted %s" % (key, jsonfile.shown(value), wanted))
    return settings


def keep():
    """Marks the present file as good; a power cut meanwhile leaves the old one or the new one."""
    with open(PATH) as file:
        text = file.read()
    try:
        with open(GOOD) as file:
            if file.read() == text:  # spares the flash a write at every boot
                return
    except OSError:
        pass
    with open(GOOD + ".new", "w") as file:
        file.write(text)
    os.rename(GOOD + ".new", GOOD)
