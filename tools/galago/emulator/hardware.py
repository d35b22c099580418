# SPDX-License-Identifier: MIT
"""What an emulated board has besides the interpreter: the modules of its firmware, a camera, a K210.

    Hardware(board)                                    # the board's usual firmware
    Hardware(board, ("microlite", "esp32"), camera)    # another firmware

The modules themselves are in device/standins, one folder per firmware; they call services of this process.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from galago.boards import BoardSpec
from galago.emulator import k230_pictures
from galago.emulator.camera import EmulatedCamera
from galago.emulator.host_calls import Service
from galago.emulator.inference import EmlearnService, K230Service, TflmService
from galago.emulator.k210_chip import K210Chip
from galago.errors import GalagoError

if TYPE_CHECKING:
    from galago.emulator.cores import BoardCore

STANDINS = Path(__file__).parent / "device" / "standins"
_CORE_MODULE = Path(__file__).parent / "device" / "_cores.py"

# The usual firmware of a board, by the name of its camera module.
_USUAL = {
    "csi": ("openmv",),
    "camera": ("esp32",),
    "sensor": ("k210", "maixpy"),
    "media.sensor": ("canmv_k230",),
}
_SHARED = {  # modules of several firmwares, in the order to import them
    "openmv": ("ulab.py",),
    "openmv4": ("ulab.py", "openmv/image.py", "openmv/ml.py"),
    "canmv_k230": ("ulab.py",),
}


def known() -> list[str]:
    """Returns the names of all firmware with stand-in modules."""
    return sorted(path.name for path in STANDINS.iterdir() if path.is_dir())


def usual(board: BoardSpec) -> tuple[str, ...]:
    """Returns the names of the board's usual firmware; empty for stock MicroPython."""
    if not board.camera or board.camera.firmware:
        return ()
    return tuple(name for name in _USUAL[board.camera.module] if name in known())


def _modules(folder: Path) -> list[Path]:
    """Returns the modules of a folder, then its packages, which may import them."""
    return [*sorted(folder.glob("*.py")), *(path.parent for path in sorted(folder.glob("*/__init__.py")))]


class Hardware:
    """Raises GalagoError board.emulator for firmware without stand-in modules."""

    def __init__(
        self,
        board: BoardSpec,
        firmware: Sequence[str] | None = None,
        camera: EmulatedCamera | None = None,
        core: "BoardCore | None" = None,
    ) -> None:
        """Without a `core`, native kernels are those of this computer's processor."""
        self.firmware = usual(board) if firmware is None else tuple(firmware)
        self.camera = camera or EmulatedCamera()
        self.k210 = K210Chip()
        self.core = core
        for name in self.firmware:
            if name not in known():
                raise GalagoError(
                    "board.emulator", f"no stand-in for {name}: use one of {', '.join(known())}"
                )

    def modules(self) -> list[str]:
        """Returns the paths of the stand-in modules and packages, in the order to import them."""
        shared = [STANDINS / path for name in self.firmware for path in _SHARED.get(name, ())]
        own = [path for name in self.firmware for path in _modules(STANDINS / name)]
        core = [_CORE_MODULE] if self.core else []
        return list(dict.fromkeys(str(path) for path in [*core, *shared, *own]))

    def services(self) -> dict[str, Service]:
        """Returns the services for the modules, by name; loaded models are lost at the next reset."""
        tflm, emlearn, k230 = TflmService(), EmlearnService(), K230Service()
        self.k210.reset()
        if self.core:
            self.core.reset()
        core = self.core.services() if self.core else {}
        return (
            core
            | self.k210.services()
            | {
                "tflm_load": tflm.load,
                "tflm_invoke": tflm.invoke,
                "emlearn_load": emlearn.load,
                "emlearn_run": emlearn.run,
                "k230_load": k230.load,
                "k230_run": k230.run,
                "k230_decode": k230_pictures.decode,
                "k230_resize": k230_pictures.resize,
                "camera_start": self.camera.start,
                "camera_turn": self.camera.turn,
                "camera_capture": self.camera.capture,
                "camera_release": self.camera.release,
                "image_scale": self.camera.scale,
            }
        )
