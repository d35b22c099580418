# SPDX-License-Identifier: MIT
"""For the built-in engine, which reads the .tflite itself.

prepared(model, "armv7emsp")        # {"kernels": ("kernels.mpy", b"…"), "plan": ("model.plan", b"…"), …}

Machine code makes the engine about ten times faster, the plan spares a board seconds when it loads the model.
A board that cannot use the machine code needs another plan, in which viper computes.
"""

from galago.boards import BoardSpec
from galago.models import ModelDirectory
from galago.native import kernels, mpy
from galago.tflite import engine

PLAN = "model.plan"
VIPER_PLAN = "viper.plan"


def files(model: ModelDirectory, board: BoardSpec) -> dict[str, tuple[str, bytes]]:
    """Returns no files: machine code depends on the processor that answers, not on the board."""
    return {}


def prepared(model: ModelDirectory, arch: str | None) -> dict[str, tuple[str, bytes]]:
    """Returns machine code for a model on an architecture (mpy-cross's name), if there is any, and its plan.

    Without `arch` viper computes. Raises GalagoError model.* for a model that the engine cannot run.
    """
    tflite = model.tflite.read_bytes()
    code = kernels.build(tflite, arch) if arch else None
    in_viper = engine.stored_plan(tflite)
    if code is None:
        return {"plan": (PLAN, in_viper)}
    layers = kernels.layers_in(mpy.read(code)) or ()
    return {
        "kernels": (kernels.FILE, code),
        "plan": (PLAN, engine.stored_plan(tflite, layers, code)),
        "viper_plan": (VIPER_PLAN, in_viper),
    }
