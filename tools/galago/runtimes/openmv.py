# SPDX-License-Identifier: MIT
"""For OpenMV's ml: it runs the .tflite itself; labels lie beside it for whoever uses `ml.Model` directly."""

from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.models import ModelDirectory


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """The labels, one a line. Raises GalagoError backend.refused for boards with an NPU of ST."""
    if board.mcu.startswith("STM32N6"):
        raise GalagoError(
            "backend.refused",
            f"openmv on {board.id} takes models that ST's own tools have compiled, no .tflite: use builtin",
        )
    if "." in model.name:  # ml cuts the whole path off at its first dot, and finds nothing
        return {}
    return {
        "labels": (f"{model.tflite.stem.partition('.')[0]}.txt", "\n".join(model.labels).encode() + b"\n")
    }
