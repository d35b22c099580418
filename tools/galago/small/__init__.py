# SPDX-License-Identifier: MIT
"""The small form of the device package, for boards without room for the trimmed one: one model, no choices.

form = small.build(model, "armv7emsp", "armv7emsp")
form.files          # path on the board → bytes
form.heap           # what takes the heap → bytes

The host plans the model, records the calls of machine code of one inference (tape.py), and packs modules,
machine code and that recording into one compressed archive (archive.py) beside the weights. A board needs
neither parser nor planner, viper kernels or decoders: pictures arrive in the size of the model's input.
docs/architecture.md says what is trusted, and what proves it.
"""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from galago.models import CONTRACT, ModelDirectory
from galago.native import mpy
from galago.resources import firmware_dir
from galago.small import archive, network
from galago.small.bundle import bundle

FOLDER = "/lib/mobilenet"
ARCHIVE = f"{FOLDER}/small.pack"
START = f"{FOLDER}/__init__.mpy"

# Module in the archive → its sources below firmware/, which become one module, in this order. `core` stays in
# the heap, the others leave it when they have done their work.
_MODULES = {
    "core": (
        *("mobilenet/errors", "mobilenet/result", "mobilenet/ranking", "mobilenet/report"),
        *("mobilenet/sequence", "small/engine", "small/classifier", "small/main"),
    ),
    "parts": ("small/parts",),
    "loading": ("small/loading",),
    "proof": ("small/proof",),
    "setup": ("small/setup",),
    "files": ("small/files",),
    "host": ("small/host",),
    "problems": ("small/problems", "small/describe"),
    "led": ("mobilenet/outputs/led",),
    "patterns": ("mobilenet/tflite/patterns",),
}
# They are imported while memory is shortest, and nothing that inflates them finds room.
_PLAIN = tuple(f"{name}.mpy" for name in ("loading", "proof", "patterns"))


@dataclass(frozen=True)
class SmallForm:
    """What a board gets. Paths begin below the root of its file system."""

    package: dict[str, bytes]
    contract: bytes
    """model.json as the host finds it on the board: to name the model and to know its golden outputs."""
    network: network.SmallNetwork

    @property
    def model(self) -> dict[str, bytes]:
        """The files of the model's folder by name; the contract comes last."""
        return {network.WEIGHTS: self.network.weights, CONTRACT: self.contract}


def build(model: ModelDirectory, arch: str, native: str) -> SmallForm:
    """The small form of a model for a board. `arch` is that of its .mpy files, `native` of machine code.

    Raises GalagoError model.* if the small form cannot run the model, and mpy.compile where mpy-cross cannot
    compile for the architecture.
    """
    net = network.prepare(model, native)
    common = dict(modules(arch))
    start = common.pop("__init__")
    files = {f"{name}.mpy": data for name, data in common.items()}
    files |= {"kernels.mpy": net.kernels}
    files |= {f"{path}.mpy": _compiled(source, arch) for path, source in _vipers(net.facts["vipers"]).items()}
    proof = hashlib.sha256(net.kernels + net.weights + net.tables).hexdigest()[:32]
    files |= {"tables": net.tables, "network": net.description(proof), "expected": net.expected}
    package = {
        START: start,
        ARCHIVE: archive.pack(files, version(arch), net.facts["arena"], _PLAIN),
        "/main.py": (firmware_dir() / "small" / "boot.py").read_bytes(),
    }
    return SmallForm(package, _contract(model), net)


def _contract(model: ModelDirectory) -> bytes:
    kept = {key: model.contract[key] for key in ("galago", "name", "output")}
    golden = [{key: entry[key] for key in ("pattern", "output_int8")} for entry in model.contract["golden"]]
    return json.dumps(kept | {"golden": golden}, separators=(",", ":")).encode()


@functools.cache
def version(arch: str) -> str:
    """What tells one state of the small form's modules from another."""
    return hashlib.sha256(b"".join(modules(arch).values())).hexdigest()[:12]


@functools.cache
def modules(arch: str) -> dict[str, bytes]:
    """The .mpy of each module that every model gets; `__init__` and `core` stay in the heap."""
    folder = firmware_dir()
    found = {"__init__": _compiled(folder / "small" / "__init__.py", arch)}
    for name, paths in _MODULES.items():
        sources = {
            path.rpartition("/")[2]: (folder / f"{path}.py").read_text(encoding="utf-8") for path in paths
        }
        found[name] = mpy.compile(bundle(sources), arch, f"{name}.py", plain=True)
    return found


def _vipers(names: list[str]) -> dict[str, Path]:
    """The modules of viper kernels, for layers that have no machine code."""
    folder = firmware_dir()
    kernels = [f"tflite/kernels/{name}" for name in names if name not in ("scales", "biases")]
    paths = [*kernels, "tflite/quantization"] if names else []
    found = {path: folder / "mobilenet" / f"{path}.py" for path in paths}
    return found | ({"vipers": folder / "small" / "vipers.py"} if names else {})


@functools.cache
def _compiled(source: Path, arch: str) -> bytes:
    return mpy.compile(source, arch, f"{source.stem}.py", plain=True)
