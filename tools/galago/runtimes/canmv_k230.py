# SPDX-License-Identifier: MIT
"""For CanMV on a K230: a .kmodel, made by the user's own nncase 2 (pip install nncase nncase-kpu; .NET 7).

    files(model, board)["kmodel"]          # ("model.kmodel", bytes)

nncase quantizes by itself: it wants the float model and calibration pictures, which `galago quantize --float`
leaves in the model directory as float.tflite and calibration.npy. It runs in a process of its own:

    python -m galago.runtimes.canmv_k230 FLOAT.tflite CALIBRATION.npy OUT.kmodel

The .kmodel takes pixels as they are (uint8, rows of RGB) and must be of the version that the board's firmware
knows: CanMV's release notes name the nncase of each.
"""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from galago.boards import Board
from galago.errors import GalagoError
from galago.models import ModelDirectory

FLOAT, CALIBRATION = "float.tflite", "calibration.npy"
_LONGEST = 1800  # seconds


def files(model: ModelDirectory, board: Board) -> dict[str, tuple[str, bytes]]:
    """Raises GalagoError backend.refused where nncase, .NET or the float model is missing, or it fails."""
    for name in (FLOAT, CALIBRATION):
        if not (model.path / name).is_file():
            raise _refused(
                f"nncase wants the float model and pictures to calibrate, and {model.path} has no {name}: "
                "make the model again with galago quantize --float"
            )
    if importlib.util.find_spec("nncase") is None:
        raise _refused("nncase is not installed: pip install nncase nncase-kpu, and .NET 7")
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        out = Path(folder) / "model.kmodel"
        arguments = [str(model.path / FLOAT), str(model.path / CALIBRATION), str(out)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", __name__, *arguments],
                capture_output=True,
                text=True,
                timeout=_LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _refused(f"nncase was not done after {_LONGEST} seconds: take a smaller model") from None
        if done.returncode or not out.is_file():
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            hint = (
                "install .NET 7" if "dotnet" in done.stderr.lower() or "hostfxr" in done.stderr else "see it"
            )
            raise _refused(f"nncase failed (status {done.returncode}, it said {said[:120]!r}): {hint}")
        return {"kmodel": ("model.kmodel", out.read_bytes())}


def _refused(why: str) -> GalagoError:
    return GalagoError("backend.refused", f"canmv_k230: {why}")


def main(float_model: str, calibration: str, out: str) -> None:
    """Compiles with nncase, in this process."""
    import nncase  # pyright: ignore[reportMissingImports]

    pixels = np.load(calibration, allow_pickle=False)  # uint8 [n, height, width, channels]
    options = nncase.CompileOptions()
    options.target = "k230"
    options.preprocess = True
    options.input_type = "uint8"
    options.input_shape = [1, *pixels.shape[1:]]
    options.input_range = [0, 255]
    options.input_layout = "NHWC"
    options.mean = [128.0] * pixels.shape[3]
    options.std = [128.0] * pixels.shape[3]
    compiler = nncase.Compiler(options)
    compiler.import_tflite(Path(float_model).read_bytes(), nncase.ImportOptions())
    ptq = nncase.PTQTensorOptions()
    ptq.samples_count = len(pixels)
    ptq.set_tensor_data([[picture[np.newaxis] for picture in pixels]])
    compiler.use_ptq(ptq)
    compiler.compile()
    Path(out).write_bytes(compiler.gencode_tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
