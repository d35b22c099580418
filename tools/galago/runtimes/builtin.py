# SPDX-License-Identifier: MIT
"""The built-in engine reads the .tflite itself; machine code for its layers makes it about ten times faster.

kernels(model, "armv7emsp")         # {"kernels": ("kernels.mpy", b"…")}
"""

from galago.boards import BoardSpec
from galago.models import ModelDirectory
from galago.native.kernels import FILE, build


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Nothing that the kind of board decides: machine code is for the processor that answers."""
    return {}


def kernels(model: ModelDirectory, arch: str) -> dict[str, tuple[str, bytes]]:
    """Machine code for a model on an architecture, as mpy-cross names it; nothing where viper has to do.

    Raises GalagoError model.* for a model that the engine cannot run.
    """
    data = build(model.tflite.read_bytes(), arch)
    return {"kernels": (FILE, data)} if data else {}
