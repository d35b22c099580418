# SPDX-License-Identifier: MIT
"""Blinks an LED as often as the file `blinks` says."""

import time

from machine import Pin


def count(path="/blinks"):
    """Returns how often to blink: the number in the file, or 3 where there is none."""
    try:
        with open(path) as file:
            return int(file.read())
    except OSError:
        return 3


def blink(pin, times, milliseconds=50):
    """Switches a pin on and off."""
    for _ in range(times):
        pin.on()
        time.sleep_ms(milliseconds)
        pin.off()
        time.sleep_ms(milliseconds)


def run():
    """Blinks once and says so."""
    times = count()
    blink(Pin("LED", Pin.OUT), times)
    print("blinked", times, "times")
