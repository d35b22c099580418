# SPDX-License-Identifier: MIT
"""galago.json: what the board does at boot. `galago flash` writes it; a text editor will do.

    {"model": "/models/everyday-v1-025-96", "source": "files", "folder": "/pictures", "top": 1, "interval": 1}

    model      the model directory to run
    source     where pictures come from; "files": those in `folder`, in the order of their names
    folder     where they lie
    loop       start again after the last one (default false)
    top        how many classes to report (default 1)
    interval   seconds between pictures (default 0)

After a boot that worked the file is kept as galago.good.json, which is what a later boot falls back to.
"""

import os

from . import jsonfile
from .errors import GalagoError

PATH = "/galago.json"
GOOD = "/galago.good.json"

# Key: accepted types, default (None: it must be there), and what to tell who got it wrong.
_KEYS = {
    "model": (str, None, "the path of a model directory"),
    "source": (str, "files", '"files"'),
    "folder": (str, "/pictures", "the path of a folder"),
    "loop": (bool, False, "true or false"),
    "top": (int, 1, "a number from 1"),
    "interval": ((int, float), 0, "seconds, from 0"),
}


def _invalid(path, text):
    return GalagoError("config.invalid", "%s: %s" % (path, text))


def _check(path, key, value):
    kind, _, wanted = _KEYS[key]
    wrong = not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))
    if key == "source":
        wrong = wrong or value != "files"
    elif key in ("top", "interval"):
        wrong = wrong or value < (1 if key == "top" else 0)
    if wrong:
        raise _invalid(path, "'%s' is %s, wanted %s" % (key, jsonfile.shown(value), wanted))


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
    for key, (_, default, wanted) in _KEYS.items():
        settings[key] = value = given.get(key, default)
        if value is None:
            raise _invalid(path, "no '%s', wanted %s" % (key, wanted))
        _check(path, key, value)
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
