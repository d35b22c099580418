# SPDX-License-Identifier: MIT
"""Counts what the camera sees and keeps the counts in a CSV file on an SD card.

Wiring: an ESP32-CAM has the card's slot on board. Elsewhere connect a card module: 3V3, GND, and CS, SCK,
MOSI and MISO to the pins that MicroPython's documentation of `machine.SDCard` names for your board.
"""

import os
import time

from machine import SDCard
from mobilenet import Classifier, camera, config

FILE = "/sd/counts.csv"
SAVE_EVERY = 60  # seconds: each write wears the card

os.mount(SDCard(), "/sd")


def load():
    """Returns the counts that an earlier run has saved."""
    try:
        with open(FILE) as file:
            rows = [line.strip().rsplit(",", 1) for line in file][1:]
        return {label: int(count) for label, count in rows}
    except OSError:
        return {}


def save(counts):
    """Writes beside the old file first, so that a power cut leaves one of the two."""
    with open(FILE + ".new", "w") as file:
        file.write("class,count\n")
        for label in sorted(counts):
            file.write("%s,%d\n" % (label, counts[label]))
    try:
        os.remove(FILE)
    except OSError:
        pass
    os.rename(FILE + ".new", FILE)


counts = load()
before = None
saved = time.ticks_ms()
net = Classifier(config.read()["model"])
for result in net.watch(camera.open()):
    label = None if result.error or result.unknown else result.label
    if label and label != before:  # something that stays is counted once
        counts[label] = counts.get(label, 0) + 1
        print(label, counts[label])
    before = label
    if time.ticks_diff(time.ticks_ms(), saved) >= SAVE_EVERY * 1000:
        save(counts)
        saved = time.ticks_ms()
