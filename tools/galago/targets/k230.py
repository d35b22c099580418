# SPDX-License-Identifier: MIT
"""The K230's KPU on this computer: Canaan's nncase 2 compiles for it, and simulates it.

    kmodel = compile_model(float_tflite, pixels)     # uint8 [n, h, w, c], calibration pictures
    scores = simulate(kmodel, pixels)                # uint8 [n, h, w, c] → float32 [n, classes]

nncase is the user's own: pip install 'galago[k230]' brings it and .NET, on Linux. It runs in processes of its
own, `python -m galago.targets.k230`, which it may end, or fill with what it prints.

The .kmodel takes pixels as they are (uint8, rows of RGB) and must be of the version that the board's firmware
knows: CanMV's release notes name the nncase of each.
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

INSTALL = "pip install 'galago[k230]' (Linux on x86-64)"
_LONGEST = 1800  # seconds
_NO_DOTNET = ("dotnet", "hostfxr", "coreclr")


@dataclass(frozen=True)
class Ends:
    """What a .kmodel takes and gives: bytes of pixels, and how many scores."""

    inputs: int
    outputs: int


def available() -> bool:
    """Whether nncase is installed."""
    return importlib.util.find_spec("_nncase") is not None


def compile_model(float_tflite: bytes, pixels: np.ndarray) -> bytes:
    """The .kmodel of a float model that takes (pixel - 128) / 128, quantized by nncase.

    Raises GalagoError backend.refused where nncase or .NET is missing, or nncase fails.
    """
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        (Path(folder) / "float.tflite").write_bytes(float_tflite)
        np.save(Path(folder) / "pixels.npy", pixels)
        _run("compile", folder)
        return (Path(folder) / "out.kmodel").read_bytes()


def simulate(kmodel: bytes, pixels: np.ndarray) -> np.ndarray:
    """What the chip answers, by nncase's simulator of it: float32 [n, classes]. Raises as `compile_model`."""
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        (Path(folder) / "in.kmodel").write_bytes(kmodel)
        np.save(Path(folder) / "pixels.npy", pixels)
        _run("simulate", folder)
        return np.load(Path(folder) / "scores.npy")


def ends(kmodel: bytes) -> Ends:
    """Of a .kmodel that loads. Raises as `compile_model`."""
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        (Path(folder) / "in.kmodel").write_bytes(kmodel)
        said = _run("ends", folder)
        inputs, outputs = said.split()[-2:]
        return Ends(int(inputs), int(outputs))


def _run(work: str, folder: str) -> str:
    """One of the functions below, in a process with this working directory; what it printed."""
    if not available():
        raise _refused(f"nncase is not installed: {INSTALL}")
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, work],
            cwd=folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _refused(f"nncase was not done after {_LONGEST} seconds: take a smaller model") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        missing = any(word in done.stderr.lower() for word in _NO_DOTNET)
        hint = f".NET 7 or newer is missing: {INSTALL}" if missing else "see what it says"
        raise _refused(f"nncase failed (status {done.returncode}, it said {said[:120]!r}): {hint}")
    return done.stdout


def _environment() -> dict[str, str]:
    """For nncase: it asks for .NET 7, whose time is over, and starts its simulator by name."""
    source = str(Path(__file__).parents[1])  # also where Galago is not installed, and in another folder
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    variables = os.environ | {"DOTNET_ROLL_FORWARD": "Major", "PYTHONPATH": path}
    variables.setdefault("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")  # it needs no tables of languages
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
    # Its default, Kld, cuts ranges off that ReLU6 bounds anyway: everyday-v1-025-128 was further from float.
    ptq.calibrate_method = "NoClip"
    ptq.set_tensor_data([[picture[np.newaxis] for picture in pixels]])
    compiler.use_ptq(ptq)
    compiler.compile()
    Path("out.kmodel").write_bytes(compiler.gencode_tobytes())


def _simulator():
    import _nncase  # pyright: ignore[reportMissingImports]

    simulator = _nncase.Simulator()  # it needs no .NET
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


def _ends() -> None:
    simulator, _ = _simulator()
    given, made = simulator.get_input_desc(0), simulator.get_output_desc(0)
    print(given.size, made.size // made.dtype.itemsize)


if __name__ == "__main__":
    {"compile": _compile, "simulate": _simulate, "ends": _ends}[sys.argv[1]]()
