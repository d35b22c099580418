# SPDX-License-Identifier: MIT
"""Prints where an inference with streamed weights spends its time on an emulated RP2040 (docs/compiler.md).

    GALAGO_RP2040_IMAGE=pico.uf2 python -m docgen.streamed_weights

The chip runs the shipped model three times: as it is, with functions that do nothing in place of its machine
code, and without reading weights either. Then it runs the chains of layers alone, and 200 rows of a layer.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from galago import boards, flash, models, transport
from galago.emulator import littlefs
from galago.emulator.rp2040 import EmulatedRp2040

_MODEL, _BOARD = "everyday-v1-025-96", "RPI_PICO"
_SILENCE = 3600.0  # seconds
_SCRIPT = """
import time, micropython
from mobilenet.tflite.kernels import native
codes = []
make = native.MachineCode.__init__
def init(self, *rest):
    make(self, *rest)
    codes.append(self)
native.MachineCode.__init__ = init
from mobilenet.model import Model
from mobilenet.backends import builtin
net = builtin.load(Model({path!r}))._interpreter

def show(what, function, *arguments):
    start = time.ticks_us()
    function(*arguments)
    print(what, time.ticks_diff(time.ticks_us(), start), "us")

@micropython.viper
def nothing(a, b, c, d):
    pass

@micropython.native
def rows(run):
    for _ in range(200):
        run(net, 64, 1, 2)

def chains():
    for chain in net.chains:
        if len(chain) > 1:
            net._produce(chain, None)

show("whole", net.invoke)
for code in codes:
    code._function = nothing
    if code._scales:
        code._scales = code._biases = nothing
show("without kernels", net.invoke)
model = net.model
net.constant = lambda position, size: (model, 0)
show("without reads", net.invoke)
show("its chains", chains)
show("200 rows", rows, net.runs[[chain for chain in net.chains if len(chain) > 1][0][0]])
"""


def main() -> None:
    """Runs the chip; this takes minutes."""
    model, board = models.find(_MODEL), boards.load(_BOARD)
    files = flash.seed(model, board)
    files.pop("/main.py", None)
    folder = flash.remote_path(model)
    known = hashlib.sha256(files[f"{folder}/kernels.mpy"]).hexdigest()  # no proof: it would take longer
    files["/galago.kernels.json"] = json.dumps({"sha256": known, "wrong": []}).encode()
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        storage = Path(name, "flash")
        storage.write_bytes(littlefs.build(files, board.filesystem))
        image = Path(os.environ["GALAGO_RP2040_IMAGE"])
        with EmulatedRp2040(image, storage) as chip, transport.connect(chip.port) as device:
            print(device.exec(_SCRIPT.format(path=folder), timeout=_SILENCE))


if __name__ == "__main__":
    main()
