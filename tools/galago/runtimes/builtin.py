# SPDX-License-Identifier: MIT
"""For the built-in engine, which reads the .tflite itself; machine code makes it about ten times faster.

kernels(model, "armv7emsp")         # {"kernels": ("kernels.mpy", b"…")}
"""

from galago.boards import BoardSpec
from galago.models import ModelDirectory
from galago.native.kernels import FILE, build


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Returns no files: machine code depends on the processor that answers, not on the board."""
    return {}


def kernels(model: ModelDirectory, arch: str) -> dict[str, tuple[str, bytes]]:
    """Returns machine code for a model on an architecture (mpy-cross's name); {} if viper code must do.

    Raises GalagoError model.* for a model that the engine cannot run.
    """
    data = build(model.tflite.read_bytes(), arch)
    return {"kernels": (FILE, data)} if data else {}
