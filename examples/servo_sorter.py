# SPDX-License-Identifier: MIT
"""Turns a servo to one of several bins, by the class of what the camera sees.

Wiring: the servo's red wire to 5 V of its own supply, brown to GND (joined with the board's GND), orange to
SERVO_PIN. A servo draws more current than a board's regulator gives.
"""

import time

from machine import PWM, Pin
from mobilenet import Classifier, camera, config

SERVO_PIN = 14
ANGLES = {"cup": 30, "bottle": 90, "book": 150}  # degrees
REST = 0
SURE = 0.6  # confidence, 0 to 1

servo = PWM(Pin(SERVO_PIN), freq=50)


def turn(angle):
    """Turns the servo: pulses of 0.5 to 2.5 ms stand for 0 to 180 degrees."""
    servo.duty_ns(500000 + angle * 2000000 // 180)


turn(REST)
net = Classifier(config.read()["model"])
for result in net.watch(camera.open()):
    print(result)
    if result.label in ANGLES and result.confidence >= SURE:
        turn(ANGLES[result.label])
        time.sleep(1)
        turn(REST)
