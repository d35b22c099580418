# SPDX-License-Identifier: MIT
"""What galago.json may contain, described once: `mobilenet.config` on the board and `galago.settings` on the
host both run this file.

    settings = complete({"model": "/models/m", "source": "camera"}, "/pictures")     # with all defaults

It uses only what MicroPython and CPython share.
"""

from .jsonfile import shown

DRIVERS = ("openmv", "esp32", "lemariva", "maixpy", "canmv_k230")
"""The camera drivers (camera/), in the order in which they are tried."""

_NUMBER = (int, float)
_SIGNALS = ("vsync", "href", "pclk", "xclk", "sda", "scl", "powerdown", "reset")
_LONGEST = 1000000  # seconds


def _any(kind, expected):
    return None, kind, lambda value: True, expected


def _choice(*names):
    return None, str, lambda value: value in names, " or ".join(['"%s"' % name for name in names])


def _between(least, most, kind, unit):
    return None, kind, lambda value: least <= value <= most, "%s from %s to %s" % (unit, least, most)


def _default(value, rule):
    return (value,) + rule[1:]


def _is_name(value):
    return 0 < len(value) < 40


def _is_pin(value):
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value < 1000


def _are_names(value):
    return all(isinstance(name, str) and _is_name(name) for name in value)


def _are_pins(value):
    for signal, pin in value.items():
        if signal == "data":
            if not isinstance(pin, list) or len(pin) != 8 or not all(_is_pin(each) for each in pin):
                return False
        elif signal not in _SIGNALS or not _is_pin(pin):
            return False
    return True


# Key: default (None: there is none), accepted types, test of a value, what is expected.
_CAMERA = {
    "driver": _choice(*DRIVERS),
    "format": _choice("rgb565", "grey", "jpeg", "rgb888"),
    "frame": (None, str, _is_name, 'the name of a frame size, such as "QVGA"'),
    "mirror": _any(bool, "true or false"),
    "flip": _any(bool, "true or false"),
    "swap": _any(bool, "true or false"),
    "skip": _between(0, 100, int, "a number"),
    "pins": (None, dict, _are_pins, "GPIO numbers of data (8 of them, D0 first), %s" % ", ".join(_SIGNALS)),
    "clock": _between(1000000, 40000000, int, "Hz"),
}


def _keys(pictures):
    return {
        "model": _any(str, "the path of a model directory"),
        "backends": ([], list, _are_names, "a list of names"),
        "source": _default("files", _choice("files", "camera", "host")),
        "folder": _default(pictures, _any(str, "the path of a folder")),
        "loop": _default(False, _any(bool, "true or false")),
        "camera": ({}, dict, lambda value: True, "an object"),
        "top": _default(1, _between(1, 1000, int, "a number")),
        "threshold": (
            -1,
            _NUMBER,
            lambda value: value == -1 or 0 <= value <= 1,
            "a confidence, 0 to 1 (-1: the model's)",
        ),
        "interval": _default(0, _between(0, _LONGEST, _NUMBER, "seconds,")),
        "led": _default("", _any((str, int), "the name or number of a pin")),
        "display": _default("", _choice("", "lcd")),
        "watchdog": _default(0, _between(0, _LONGEST, _NUMBER, "seconds,")),
        "self_test": _default(True, _any(bool, "true or false")),
    }


def complete(content, pictures):
    """Returns the content of galago.json with defaults filled in; `pictures` is the default of `folder`.

    Raises ValueError, with a text that names the first wrong key.
    """
    if not isinstance(content, dict):
        raise ValueError("expected a JSON object")
    keys = _keys(pictures)
    _check(content, keys, "")
    settings = {key: content.get(key, keys[key][0]) for key in keys}
    if settings["model"] is None:
        raise ValueError("no 'model', expected %s" % keys["model"][3])
    check_camera(settings["camera"])
    return settings


def check_camera(content):
    """Raises ValueError for wrong settings of a camera."""
    _check(content, _CAMERA, "camera.")


def _check(content, keys, prefix):
    for key in content:
        if key not in keys:
            raise ValueError(
                "unknown key %s, expected one of %s"
                % (shown(prefix + str(key)), ", ".join([prefix + name for name in sorted(keys)]))
            )
        _, kind, accepts, expected = keys[key]
        value = content[key]
        wrong = not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))
        if wrong or not accepts(value):
            raise ValueError("'%s%s' is %s, expected %s" % (prefix, key, shown(value), expected))
