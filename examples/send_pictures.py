# SPDX-License-Identifier: MIT
"""Runs on a PC: sends pictures to a board over its serial port and prints the classes that come back.

    galago flash --source host --port /dev/ttyACM0
    python send_pictures.py /dev/ttyACM0 cat.jpg cup.png

It needs pyserial and Pillow, and nothing of Galago. firmware/mobilenet/sources.py describes the exchange: a
line of JSON, then a line of base64 for each row of pixels; the board acknowledges each line with byte 6.
"""

import base64
import json
import sys

import serial
from PIL import Image, ImageOps

ACKNOWLEDGE = b"\x06"


def start(port):
    """Restarts the board's program; returns what it says about itself."""
    port.write(b"\r\x03\x03\x02\x04")
    while True:
        line = port.readline()
        if not line:
            sys.exit("the board does not start: galago doctor says why")
        if line.startswith(b'{"start"'):
            return json.loads(line)["start"]


def send(port, line):
    """Sends a line and waits until the board has taken it."""
    port.write(line + b"\n")
    if not port.read_until(ACKNOWLEDGE).endswith(ACKNOWLEDGE):
        sys.exit("the board does not answer")


def classify(port, name, picture):
    """Returns the board's line about a picture, as a dict."""
    send(port, json.dumps({"image": name, "width": picture.width, "height": picture.height}).encode())
    pixels, row = picture.tobytes(), 3 * picture.width
    for at in range(0, len(pixels), row):
        send(port, base64.b64encode(pixels[at : at + row]))
    return json.loads(port.readline().lstrip(ACKNOWLEDGE))


def main(device, *paths):
    """Classifies the pictures one after the other."""
    with serial.Serial(device, 115200, timeout=30) as port:
        height, width, _ = start(port)["input"]
        for path in paths:
            try:
                picture = ImageOps.fit(Image.open(path).convert("RGB"), (width, height))
            except OSError as error:
                print(path, error)
                continue
            answer = classify(port, path, picture)
            if "error" in answer:
                print(path, answer["error"]["message"])
            else:
                print(path, answer["top"][0]["label"], answer["top"][0]["confidence"])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python send_pictures.py PORT PICTURE…")
    main(*sys.argv[1:])
