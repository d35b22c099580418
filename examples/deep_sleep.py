# SPDX-License-Identifier: MIT
"""One picture, then deep sleep: a battery lasts for months.

Copy it to the board as main.py; it runs once each time the board wakes. No wiring. To get in, press Ctrl-C
within AWAKE seconds after a reset: a sleeping board has no serial port.
"""

import time

import machine
from mobilenet import Classifier, camera, config

ASLEEP = 600  # seconds
AWAKE = 3  # seconds to press Ctrl-C in, after a reset that is no waking

if machine.reset_cause() != machine.DEEPSLEEP_RESET:
    time.sleep(AWAKE)
net = Classifier(config.read()["model"])
eye = camera.open()
try:
    result = next(net.watch(eye))
    print(result)  # or publish it, see publish_mqtt.py
finally:
    eye.close()
machine.deepsleep(ASLEEP * 1000)
