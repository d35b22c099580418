# SPDX-License-Identifier: MIT
"""Classifies what the camera sees: the same program on an ESP32-CAM, an OpenMV camera and a Maix board.

Wiring: none, the camera is part of the board. ESP32 boards need PSRAM and a firmware with
micropython-camera-API. `galago flash --source camera` has put the pins into galago.json, from which
camera.open() takes them, and the place of the model, which differs from board to board.
"""

from mobilenet import Classifier, camera, config

net = Classifier(config.read()["model"])
eye = camera.open()
try:
    for result in net.watch(eye, top=3):
        if result.error:
            print("no frame:", result.error.message)  # the next one is tried
        elif not result.unknown:
            print(result)
finally:
    eye.close()
