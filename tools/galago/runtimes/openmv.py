# SPDX-License-Identifier: MIT
"""For OpenMV's ml, which runs the .tflite itself; a file of labels serves programs that use `ml.Model`."""

from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.models import ModelDirectory


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Returns the labels, one per line. Raises GalagoError backend.refused for boards with ST's NPU."""
    if board.mcu.startswith("STM32N6"):
        raise GalagoError(
            "backend.refused",
            f"openmv on {board.id} runs only models compiled by ST's own tools, not a .tflite: use builtin",
        )
    if "." in model.name:  # ml cuts the whole path at its first dot, and would not find the labels
        return {}
    return {
        "labels": (f"{model.tflite.stem.partition('.')[0]}.txt", "\n".join(model.labels).encode() + b"\n")
    }
