# SPDX-License-Identifier: MIT
# ruff: noqa: RUF005, UP031
# pyright: reportMissingImports=false
"""The fuzzer's part on the real interpreter for model.json and galago.json; it talks as on_board.py does.

A file of zeros lies beside as model.tflite; what is accepted is used as Classifier and main.py do.
"""

from mobilenet import config
from mobilenet.model import Model
from on_board import GUARD, serve


def judge(room):
    """Reads one text as model.json and as galago.json: the first byte says which."""
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
