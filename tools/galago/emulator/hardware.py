# SPDX-License-Identifier: MIT
"""What an emulated board carries beside the interpreter: the modules of its firmware, and a camera.

    Hardware(board)                                    # what the board's usual firmware has
    Hardware(board, ("microlite", "esp32"), camera)    # another firmware

The modules themselves are in device/standins, a folder for each firmware; they ask services of this process.
"""

from collections.abc import Sequence
from pathlib import Path

from galago.boards import BoardSpec
from galago.emulator.camera import Camera
from galago.emulator.k210 import K210
from galago.emulator.link import Service
from galago.emulator.runtimes import Emlearn, Kpu230, Tflm
from galago.errors import GalagoError

STANDINS = Path(__file__).parent / "device" / "standins"

# A board's camera module tells whose firmware it usually has.
_USUAL = {
    "csi": ("openmv",),
    "camera": ("esp32",),
    "sensor": ("k210", "maixpy"),
    "media.sensor": ("canmv_k230",),
}
_SHARED = {  # modules that several firmwares have, the first to import first
    "openmv": ("ulab.py",),
    "openmv4": ("ulab.py", "openmv/image.py", "openmv/ml.py"),
    "canmv_k230": ("ulab.py",),
}


def known() -> list[str]:
    """The names of firmware modules that an emulated board can carry."""
    return sorted(path.name for path in STANDINS.iterdir() if path.is_dir())


def usual(board: BoardSpec) -> tuple[str, ...]:
    """Those that the board's usual firmware has."""
    if not board.camera or board.camera.firmware:
        return ()
    return tuple(name for name in _USUAL[board.camera.module] if name in known())


class Hardware:
    """Raises GalagoError board.emulator for a firmware module that there is no stand-in for."""

    def __init__(
        self, board: BoardSpec, firmware: Sequence[str] | None = None, camera: Camera | None = None
    ) -> None:
        self.firmware = usual(board) if firmware is None else tuple(firmware)
        self.camera = camera or Camera()
        self.k210 = K210()
        for name in self.firmware:
            if name not in known():
                raise GalagoError("board.emulator", f"no stand-in for {name}: there are {', '.join(known())}")

    def modules(self) -> list[str]:
        """The paths of the stand-in modules, in the order to import them."""
        shared = [STANDINS / path for name in self.firmware for path in _SHARED.get(name, ())]
        own = [path for name in self.firmware for path in sorted((STANDINS / name).glob("*.py"))]
        return list(dict.fromkeys(str(path) for path in [*shared, *own]))

    def services(self) -> dict[str, Service]:
        """What the modules may ask; the models that they load are forgotten at the next reset."""
        tflm, emlearn, k230 = Tflm(), Emlearn(), Kpu230()
        self.k210.reset()
        return self.k210.services() | {
            "tflm_load": tflm.load,
            "tflm_invoke": tflm.invoke,
            "emlearn_load": emlearn.load,
            "emlearn_run": emlearn.run,
            "k230_load": k230.load,
            "k230_run": k230.run,
            "camera_start": self.camera.start,
            "camera_turn": self.camera.turn,
            "camera_capture": self.camera.capture,
            "camera_release": self.camera.release,
            "image_scale": self.camera.scale,
        }
