# SPDX-License-Identifier: MIT
"""Whether a board's firmware has a camera module that Galago has a driver for.

check_camera(board, known)      # raises GalagoError camera.missing
"""

from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.transport import Board

_LOOK = """
def _look():
    found = "none"
    for name in ("csi", "sensor", "camera", "media.sensor"):
        try:
            module = __import__(name)
        except ImportError:
            continue
        except Exception:  # sensor probes the camera when it is imported; the board will say what is wrong
            module = None
        foreign = name == "camera" and not hasattr(module, "Camera") and not hasattr(module, "PSRAM")
        found = "foreign" if foreign else name
        break
    print(found)
_look()
del _look
"""


def check_camera(board: Board, known: BoardSpec | None) -> None:
    """Raise GalagoError camera.missing if the source "camera" cannot work on this board."""
    found = board.exec(_LOOK, timeout=30).split()[-1:]
    needed = known.camera.firmware if known and known.camera else ""
    image = f" ({needed})" if needed else ""
    advice = f"install a firmware that has one{image}; the source can be files or host"
    if found == ["none"]:
        raise GalagoError("camera.missing", f"the firmware of {board.port} has no camera module: {advice}")
    if found == ["foreign"]:
        raise GalagoError(
            "camera.missing",
            f"Galago has no driver for the module 'camera' of {board.port}: install a firmware with "
            "micropython-camera-API or lemariva's micropython-camera-driver",
        )
