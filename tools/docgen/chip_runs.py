# SPDX-License-Identifier: MIT
"""An emulated chip at work: what a user does with a board, on MicroPython's own firmware, and what it costs.

    for chip in CHIPS:
        figures = run(chip, Path(os.environ[chip.variable]), vww)

The chip starts with the device package and a model's weights in its file system, since uploading them over an
emulated USB cable would take an hour. Everything else is what `galago flash` finds missing.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import serial
from PIL import Image

from galago import boards, fit, flash, models, transport
from galago.dataset import standard_photos
from galago.emulator import littlefs
from galago.emulator.qemu import QemuBoard
from galago.emulator.rp2040 import EmulatedRp2040
from galago.errors import GalagoError
from galago.native import kernels
from galago.transport import Board

MODEL = "everyday-v1-025-96"
VWW = "vww_96_int8"
_SILENCE = 3600.0  # seconds: a second of an emulated RP2040 is a minute of a busy computer
_PICTURES = (("bmp", (96, 96)), ("bmp", (320, 240)), ("jpg", (320, 240)))
_LABELLED = ("cat", "chelsea.png"), ("cup", "coffee.png")  # standard photos of which MODEL knows the class
_LEFT_OUT = ("/main.py", "/galago.json", "/model.json", "/kernels.mpy")  # what `galago flash` has to upload

_START = """
import gc, json, os, time
try:
    os.remove("/galago.kernels.json")
except OSError:
    pass
begin = time.ticks_us()
from mobilenet import Classifier
imported = time.ticks_us()
us = []
for _ in range(2):
    start = time.ticks_us()
    net = Classifier({path!r})
    us.append(time.ticks_diff(time.ticks_us(), start))
    if len(us) == 1:
        net.close()
gc.collect()
print(json.dumps({{"import": time.ticks_diff(imported, begin), "first": us[0], "later": us[1],
    "heap": gc.mem_free() + gc.mem_alloc(), "free": gc.mem_free(), "loaded": net.describe()}}))
"""
# The first import with new machine code for pictures checks it against viper.
_CHECK_PICTURES = """
import time
begin = time.ticks_us()
from mobilenet import Classifier, image
print(time.ticks_diff(time.ticks_us(), begin))
"""
_INFERENCE = """
import json, time
from mobilenet.tflite import Interpreter
net = Interpreter({model!r}, kernels={kernels!r})
net.invoke()
start = time.ticks_us()
net.invoke()
us = time.ticks_diff(time.ticks_us(), start)
print(json.dumps({{"us": us, "macs": net.macs, "weights": net.weights, "kernels": net.kernels}}))
net.close()
"""


@dataclass(frozen=True)
class Chip:
    """A chip that can be emulated whole."""

    core: str
    variable: str
    """The environment variable that names its image."""
    image: str
    """What image that is."""
    board: str
    """A board of boards/ whose firmware loads the same machine code."""
    machine: str = ""
    """QEMU's name for it; empty for the RP2040."""
    per_us: int = 1000
    """What a microsecond of its clock counts: instructions in QEMU, cycles on the RP2040."""
    unit: str = "instructions"

    def emulated(self, image: Path, storage: Path) -> AbstractContextManager[Any]:
        """The chip, to be switched on; what it is switched on as has a `port`."""
        if self.machine:
            return QemuBoard(image, self.machine, storage)
        return EmulatedRp2040(image, storage)


_QEMU = "firmware.elf of MicroPython's QEMU port for {}, with a LittleFS in RAM at {}"
CHIPS = (
    Chip(
        "RP2040",
        "GALAGO_RP2040_IMAGE",
        "MicroPython for the Raspberry Pi Pico (.uf2)",
        "RPI_PICO",
        per_us=125,
        unit="cycles",
    ),
    Chip(
        "Cortex-M7",
        "GALAGO_AN500_IMAGE",
        _QEMU.format("mps2-an500", "0x60000000"),
        "NUCLEO_F746ZG",
        "mps2-an500",
    ),
    Chip(
        "Cortex-M55",
        "GALAGO_AN547_IMAGE",
        _QEMU.format("mps3-an547", "0x60000000"),
        "OPENMV_N6",
        "mps3-an547",
    ),
    Chip("RV32IMC", "GALAGO_VIRT_IMAGE", _QEMU.format("virt", "0x81000000"), "RPI_PICO2-RISCV", "virt"),
)


def run(chip: Chip, image: Path, vww: bytes | None, log: Callable[[str], None]) -> dict[str, Any]:
    """The figures of a chip, as JSON can hold them. `vww` is vww_96_int8.tflite, if it is to be run too.

    A step that fails does not stop the others: `failed` has its message. Raises GalagoError where the chip
    does not start.
    """
    model, board = models.find(MODEL), boards.load(chip.board)
    if not chip.machine:
        vww = None  # the flash of an RP2040 has no room for both models and the pictures
    figures: dict[str, Any] = {"board": chip.board}
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        storage = Path(name) / "flash"
        files = flash.seed(model, board)
        seeded = {path: data for path, data in files.items() if not path.endswith(_LEFT_OUT)}
        seeded |= _pictures(Path(name))
        if vww:
            seeded |= {
                f"/{VWW}/model.tflite": vww,
                f"/{VWW}/kernels.mpy": kernels.build(vww, board.instruction_set) or b"",
            }
        size = board.filesystem if not chip.machine else 2 << 20
        storage.write_bytes(littlefs.build(seeded, size))
        emulator = chip.emulated(image, storage)
        with emulator as emulated:
            _work(chip, emulated.port, Path(name), figures, bool(vww), log)
        if isinstance(emulated, EmulatedRp2040) and emulated.wear:
            figures["wear"] = asdict(emulated.wear)
    if not chip.machine:
        estimate = fit.check(fit.Requirements.of(model), board).seconds[1]
        figures["fit_us"] = round(estimate * 1e6)
    return figures


def _work(
    chip: Chip, port: str, folder: Path, figures: dict[str, Any], vww: bool, log: Callable[[str], None]
) -> None:
    """Each step of a user, and each measurement; adds to `figures`."""

    def step(name: str, do: Callable[[], Any]) -> None:
        begin = time.monotonic()
        try:
            figures[name] = do()
        except GalagoError as error:
            figures.setdefault("failed", {})[name] = error.message
        log(f"{chip.core}: {name}, {time.monotonic() - begin:.0f} s")

    path = flash.remote_path(models.find(MODEL))
    with transport.connect(port) as device:
        figures["machine"] = device.implementation["machine"]
        figures["micropython"] = ".".join(map(str, device.implementation["version"][:3]))
    step("flash", lambda: _flash(port))
    with transport.connect(port) as device:
        step("first_import", lambda: _answer(device, _CHECK_PICTURES))
        step("start", lambda: _answer(device, _START.format(path=path)))
        inferences = [("native", MODEL, path)] + [("native", VWW, f"/{VWW}")] * vww
        if chip.machine:  # a chip that is emulated quickly enough
            inferences += [("viper", name, place) for _, name, place in inferences]
        figures["inferences"] = []
        for kind, name, place in inferences:
            code = f"{place}/kernels.mpy" if kind == "native" else None
            source = _INFERENCE.format(model=f"{place}/model.tflite", kernels=code)
            answer = _answer(device, source) | {"model": name, "engine": kind}
            figures["inferences"].append(answer)
            log(f"{chip.core}: {answer}")
    _boot(port)  # checks the machine code for kinds of pictures that are read for the first time
    step("boot", lambda: _boot(port))
    step("doctor", lambda: _galago("doctor", "--port", port)["problems"])
    step("bench", lambda: _galago("bench", MODEL, "--port", port, "--runs", "1")["invoke_us"])
    photos = _labelled(folder)
    step("classify", lambda: _classified(port, photos))
    step("evaluate", lambda: _galago("evaluate", MODEL, str(photos), "--on", "int8,board", "--port", port))


def _flash(port: str) -> dict[str, Any]:
    from galago.flash.install import InstallOptions, install

    done = install(port, InstallOptions(model=models.find(MODEL)))
    return {"uploaded": done.uploaded, "warning": done.warning}


def _answer(device: Board, code: str) -> dict[str, Any]:
    """What a program prints last, on a board with an empty heap."""
    device.soft_reset()
    return json.loads(device.exec(code, timeout=_SILENCE).strip().splitlines()[-1])


def _boot(port: str) -> list[dict[str, Any]]:
    """The serial lines of a restart: main.py starts by itself and classifies what is in /pictures."""
    with serial.Serial(port, timeout=_SILENCE) as line:
        line.write(b"\r\x03\x02print('re' + 'ady')\r")  # the prompts of what ran before come first
        line.read_until(b"ready\r\n>>> ")
        line.write(b"\x04")
        text = line.read_until(b">>> ")
    return [json.loads(each) for each in text.splitlines() if each.startswith(b"{")]


def _galago(*arguments: str) -> dict[str, Any]:
    """The answer of a verb with --json. Raises GalagoError board.answer if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "galago", *arguments, "--json"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise GalagoError("board.answer", f"galago {' '.join(arguments)}: {done.stderr.strip()}") from None


def _classified(port: str, photos: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "galago", "classify", "--port", port, "--json"]
    command += map(str, sorted(photos.rglob("*.png")))
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise GalagoError("board.answer", f"galago classify: {(done.stderr or done.stdout).strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def standard(name: str) -> Image.Image:
    """A standard photo, in RGB."""
    path = next(path for path in standard_photos.paths() if path.name == name)
    return Image.open(path).convert("RGB")


def _pictures(folder: Path) -> dict[str, bytes]:
    """A picture of a cat in several kinds and sizes: path on the board → bytes."""
    found = {}
    for kind, size in _PICTURES:
        name = f"{kind} {size[0]}x{size[1]}.{kind}"
        standard("chelsea.png").resize(size).save(folder / name)
        found[f"/pictures/{name}"] = (folder / name).read_bytes()
    return found


def _labelled(folder: Path) -> Path:
    """A folder of photos of the model's input size, in a folder per class."""
    photos = folder / "photos"
    height, width, _ = models.find(MODEL).input_shape
    for label, name in _LABELLED:
        (photos / label).mkdir(parents=True)
        standard(name).resize((width, height)).save(photos / label / name)
    return photos
