# SPDX-License-Identifier: MIT
"""Publishes what the camera sees by MQTT, as JSON, when it changes.

Needs a board with WiFi, and umqtt once: `mpremote mip install umqtt.simple`. No wiring.
"""

import json
import time

import network
from mobilenet import Classifier, camera, config
from umqtt.simple import MQTTClient

WIFI = "network", "password"
BROKER = "192.168.1.10"
TOPIC = b"camera/door"


def connect():
    """Joins the network and returns a connected client."""
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    if not wlan.isconnected():
        wlan.connect(*WIFI)
        while not wlan.isconnected():
            time.sleep(0.2)
    client = MQTTClient("galago", BROKER, keepalive=60)
    client.connect()
    return client


client = connect()
before = None
net = Classifier(config.read()["model"])
for result in net.watch(camera.open()):
    label = "error" if result.error else "unknown" if result.unknown else result.label
    if label == before:
        continue
    message = json.dumps({"label": label, "confidence": round(result.confidence, 3)})
    try:
        client.publish(TOPIC, message.encode())
        before = label
        print(message)
    except OSError as error:  # the network is gone: the next result is published again
        print("not published:", error)
        time.sleep(5)
        try:
            client = connect()
        except OSError:
            pass
