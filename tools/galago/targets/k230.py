# SPDX-License-Identifier: MIT
"""The K230's KPU: Canaan's nncase 2 compiles models for it and simulates it on this computer.

    kmodel = compile_model(float_tflite, pixels)     # uint8 [n, h, w, c], calibration images
    scores = simulate(kmodel, pixels)                # uint8 [n, h, w, c] → float32 [n, classes]

nncase is an optional dependency: on Linux, the extra `k230` installs it with .NET. It runs in
subprocesses (`python -m galago.targets.k230`), because it may crash and prints much.

The .kmodel takes pixels unchanged (uint8, rows of RGB). Its version must be one that the board's firmware
knows; CanMV's release notes name the nncase version of each firmware.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galago.errors import GalagoError
from galago.resources import install_command

INSTALL = f"{install_command('k230')} (Linux on x86-64)"
_TIMEOUT = 1800  # seconds
_NO_DOTNET = ("dotnet", "hostfxr", "coreclr")


@dataclass(frozen=True)
class InputOutputSizes:
    """The sizes of a .kmodel's input and output."""

    inputs: int
    """Bytes of pixels."""
    outputs: int
    """Number of scores."""


def available() -> bool:
    """Returns whether nncase is installed."""
    return importlib.util.find_spec("_nncase") is not None


def compile_model(float_tflite: bytes, pixels: np.ndarray) -> bytes:
    """Returns the .kmodel of a float model that takes (pixel - 128) / 128; nncase quantizes it.

    `pixels` are uint8 [n, height, width, channels], for calibration.
    Raises GalagoError backend.refused if nncase or .NET is missing, or nncase fails.
    """
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        (Path(folder) / "float.tflite").write_bytes(float_tflite)
        np.save(Path(folder) / "pixels.npy", pixels)
        _run("compile", folder)
        return (Path(folder) / "out.kmodel").read_bytes()


def simulate(kmodel: bytes, pixels: np.ndarray) -> np.ndarray:
    """Returns the scores of nncase's simulator of the chip, float32 [n, classes].

    Raises as `compile_model`.
    """
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        (Path(folder) / "in.kmodel").write_bytes(kmodel)
        np.save(Path(folder) / "pixels.npy", pixels)
        _run("simulate", folder)
        return np.load(Path(folder) / "scores.npy")


def input_output_sizes(kmodel: bytes) -> InputOutputSizes:
    """Loads a .kmodel and returns the sizes of its input and output. Raises as `compile_model`."""
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        (Path(folder) / "in.kmodel").write_bytes(kmodel)
        inputs, outputs = _run("sizes", folder).split()[-2:]
        return InputOutputSizes(int(inputs), int(outputs))


def _run(task: str, folder: str) -> str:
    """Runs one of _TASKS in a process with this working directory. Returns what it printed."""
    if not available():
        raise _refused(f"nncase is not installed: {INSTALL}")
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, task],
            cwd=folder,
            env=_environment(),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _refused(f"nncase did not finish in {_TIMEOUT} seconds: use a smaller model") from None
    if done.returncode:
        message = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        missing = any(word in done.stderr.lower() for word in _NO_DOTNET)
        hint = f".NET 7 or newer is missing: {INSTALL}" if missing else "see its message"
        raise _refused(f"nncase failed (status {done.returncode}, it printed {message[:120]!r}): {hint}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Returns nncase's environment: it requests .NET 7 (end of life) and needs its simulator on PATH."""
    source = str(Path(__file__).parents[2])  # so that it works from any folder, and without an installation
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    variables = os.environ | {"DOTNET_ROLL_FORWARD": "Major", "PYTHONPATH": path}
    variables.setdefault("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")  # it needs no locale data
    native = importlib.util.find_spec("_nncase")
    if native and native.origin:
        variables["PATH"] = os.pathsep.join((variables.get("PATH", ""), str(Path(native.origin).parent)))
    bundled = importlib.util.find_spec("dnv")
    if not ("DOTNET_ROOT" in os.environ or shutil.which("dotnet")) and bundled:
        (folder,) = list(bundled.submodule_search_locations or [])[:1] or [""]
        variables["DOTNET_ROOT"] = str(Path(folder) / "net" / "runtime" / ".net")
    return variables


def _refused(why: str) -> GalagoError:
    return GalagoError("backend.refused", f"canmv_k230: {why}")


def _compile() -> None:
    import nncase  # pyright: ignore[reportMissingImports]

    pixels = np.load("pixels.npy", allow_pickle=False)
    options = nncase.CompileOptions()
    options.target = "k230"
    options.dump_asm = False
    options.preprocess = True
    options.input_type = "uint8"
    options.input_shape = [1, *pixels.shape[1:]]
    options.input_range = [0, 255]
    options.input_layout = "NHWC"
    options.mean = [128.0] * pixels.shape[3]
    options.std = [128.0] * pixels.shape[3]
    compiler = nncase.Compiler(options)
    compiler.import_tflite(Path("float.tflite").read_bytes(), nncase.ImportOptions())
    ptq = nncase.PTQTensorOptions()
    ptq.samples_count = len(pixels)
    # The default, Kld, clips ranges that ReLU6 bounds anyway; with it everyday-v1-025-128 was further from
    # float.
    ptq.calibrate_method = "NoClip"
    ptq.set_tensor_data([[picture[np.newaxis] for picture in pixels]])
    compiler.use_ptq(ptq)
    compiler.compile()
    Path("out.kmodel").write_bytes(compiler.gencode_tobytes())


def _simulator():
    import _nncase  # pyright: ignore[reportMissingImports]

    simulator = _nncase.Simulator()  # needs no .NET
    simulator.load_model(Path("in.kmodel").read_bytes())
    return simulator, _nncase.RuntimeTensor.from_numpy


def _simulate() -> None:
    simulator, tensor = _simulator()
    scores = []
    for picture in np.load("pixels.npy", allow_pickle=False):
        simulator.set_input_tensor(0, tensor(picture[np.newaxis]))
        simulator.run()
        scores.append(simulator.get_output_tensor(0).to_numpy().ravel().copy())
    np.save("scores.npy", np.array(scores, np.float32))


def _print_sizes() -> None:
    simulator, _ = _simulator()
    source, result = simulator.get_input_desc(0), simulator.get_output_desc(0)
    print(source.size, result.size // result.dtype.itemsize)


_TASKS = {"compile": _compile, "simulate": _simulate, "sizes": _print_sizes}

if __name__ == "__main__":
    _TASKS[sys.argv[1]]()
