# SPDX-License-Identifier: MIT
"""Reads galago.json for main.py; it is dropped afterwards.

galago.json may set model, source ("files" or "host"), folder, loop, top, threshold, interval, led and
self_test. `galago flash` and `galago config` have checked it; other keys are reported and ignored.
"""

import json
import os

from .core import GalagoError, failure

_NUMBER = (int, float)
_MOST = 1000000
# Key: default, type, least value of a number; mobilenet/settings.py is the whole schema.
_KEYS = {
    "model": (None, str, None),
    "backends": (None, list, None),
    "source": ("files", str, None),
    "folder": (None, str, None),
    "loop": (False, bool, None),
    "top": (1, int, 1),
    "threshold": (-1, _NUMBER, -1),
    "interval": (0, _NUMBER, 0),
    "led": ("", (str, int), None),
    "self_test": (True, bool, None),
}


def settings(say):
    """Returns the settings, with "root" for the file system's; `say` prints lines about what is ignored.

    Raises GalagoError.
    """
    root = _root()
    chosen = _read(root + "/galago.json", say)
    chosen["root"] = root
    if chosen["folder"] is None:
        chosen["folder"] = root + "/pictures"
    if chosen["source"] not in ("files", "host"):
        text = "this board has no source '%s': set files or host"
        raise GalagoError("config.invalid", text % chosen["source"])
    return chosen


def _root():
    # At a root directory that only holds mount points, statvfs counts no blocks.
    if os.statvfs("/")[2]:
        return ""
    found = [name for name in ("flash", "sdcard", "sd") if name in os.listdir("/")]
    return "/" + found[0] if found else ""


def _read(path, say):
    try:
        with open(path) as file:
            chosen = json.load(file)
        chosen["model"].rstrip("/")
    except OSError:
        raise GalagoError("config.missing", "no %s: create it with galago flash" % path) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise GalagoError("config.invalid", "%s cannot be used: flash the model again" % path) from None
    for key in sorted(chosen):
        if key not in _KEYS:
            if chosen[key]:
                text = "'%s' of galago.json is ignored: this board has the small form of the device package"
                say(failure(GalagoError("config.invalid", text % key)))
        elif not _accepts(_KEYS[key], chosen[key]):
            text = "%s: '%s' cannot have this value: change it with galago config"
            raise GalagoError("config.invalid", text % (path, key))
    complete = {key: rule[0] for key, rule in _KEYS.items()}
    complete.update(chosen)
    return complete


def _accepts(rule, value):
    _, kind, least = rule
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        return False
    return least is None or least <= value <= _MOST
