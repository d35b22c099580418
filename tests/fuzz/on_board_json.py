# SPDX-License-Identifier: MIT
# ruff: noqa: RUF005, UP031
# pyright: reportMissingImports=false
"""The fuzzer's part on the real interpreter for model.json and galago.json; uses the protocol of on_board.py.

There is a model.tflite of zeros in the folder. What is accepted is used as Classifier and main.py use it.
"""

from mobilenet import config
from mobilenet.model import Model
from on_board import GUARD, serve


def judge(room):
    """Reads a text as model.json or as galago.json, which its first byte selects."""
    text = room[GUARD + 1 : len(room) - GUARD]
    contract = room[GUARD] == ord("m")
    with open("model.json" if contract else "galago.json", "wb") as file:
        file.write(text)
    if contract:
        model = Model(".")
        model.file("tflite")
        used = "".join([model.name, model.resize] + model.labels), model.unknown_below < 0.5
    else:
        settings = config.read("galago.json")
        used = (
            settings["model"].rstrip("/"),
            settings["folder"].rstrip("/"),
            settings["top"] + settings["interval"],
        )
    return "ok %r" % (used,)


if __name__ == "__main__":
    serve(judge)
