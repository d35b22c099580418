# SPDX-License-Identifier: MIT
"""Switches an LED on after a picture of a known class, and off after any other picture."""

from machine import Pin


class _Led:
    def __init__(self, name):
        text = str(name)
        self._on = 0 if text[0] == "~" else 1
        text = text.lstrip("~")
        self._pin = Pin(int(text) if text.isdigit() else text, Pin.OUT)
        self.close()

    def show(self, result):
        self._pin.value(self._on if result.top and not result.unknown else 1 - self._on)

    def close(self):
        self._pin.value(1 - self._on)


open = _Led  # noqa: A001
