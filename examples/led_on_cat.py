# SPDX-License-Identifier: MIT
"""An LED that is on while the camera sees a cat.

Wiring: the LED's long leg through 330 ohms to LED_PIN, its short leg to GND. An ESP32-CAM's own LED needs no
wires: its flash LED is GPIO 4.
"""

from machine import Pin
from mobilenet import Classifier, camera, config

LED_PIN = 4
WANTED = "cat"
SURE = 0.6  # confidence, 0 to 1

led = Pin(LED_PIN, Pin.OUT)
net = Classifier(config.read()["model"])
for result in net.watch(camera.open()):
    led.value(result.label == WANTED and result.confidence >= SURE)
    print(result)
