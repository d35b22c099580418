# SPDX-License-Identifier: MIT
"""What the small form of the device package (galago.small) takes on a board.

form = small.of(requirements, "armv7emsp")        # None where the model has none
small.files_of(form, board), small.heap_of(form, labels, classes)
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from galago import cache, models
from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.fit import file_system, package
from galago.fit.requirements import Requirements
from galago.models import ModelDirectory

SPARE = 8_192
"""Bytes of heap that firmware/small/engine.py leaves free beside weights in RAM."""
MICROPYTHON = 4_096
"""Bytes of heap in use at the prompt: 2,976 in QEMU (docs/small-form.md), and a FAT's sector. A Pico has its
module rp2 there too (capacity.BOOT)."""
# Bytes that must be free beside all but the weights while a model is loaded and first proved: for modules
# that only these need and what inflates them, and for holes as a share of the arena (docs/small-form.md).
_LOADING, _SCATTER = 9_200, 0.2
RUNNING = 2_500
"""Bytes for a picture's file, result and serial line."""
_WRITTEN = ("/galago.json", "/galago.seq", "/galago.kernels.json")
_OBJECTS = 1_200  # Classifier, Engine, Model with their dicts and views


@dataclass(frozen=True)
class SmallFiles:
    """Sizes in bytes of one model in the small form."""

    package: dict[str, int]
    """Of each file, by its path on the board."""
    model: dict[str, int]
    """Of each file of the model, by its name."""
    weights: int
    code: int
    modules: int
    """Heap of the modules that stay there."""
    arena: int
    """Arena, records and calls."""
    buffer: int
    """What weights are streamed through."""


def of(requirements: Requirements, arch: str) -> SmallFiles | None:
    """The sizes for a model, also for one that is only described; None if there is no small form of it."""
    own = requirements.model.contract if requirements.model else [requirements.classes, requirements.labels]
    contract = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
    key = f"{arch} {requirements.network.key} {contract}"
    known = cache.derive("small", key, lambda: _measure(requirements, arch))
    return SmallFiles(**known) if known else None


def _measure(requirements: Requirements, arch: str) -> dict | None:
    from galago import small
    from galago.native.kernels import GENERATORS

    if arch not in GENERATORS:
        return None
    try:
        with TemporaryDirectory(prefix="galago-") as folder:
            model = requirements.model or _described(requirements, Path(folder))
            form = small.build(model, arch, arch)
    except GalagoError:
        return None
    modules, net = small.modules(arch), form.network
    sizes = SmallFiles(
        package={path: len(data) for path, data in form.package.items()},
        model={name: len(data) for name, data in form.model.items()},
        weights=len(net.weights),
        code=net.code,
        modules=package.heap_bytes_of((modules["__init__"], modules["core"])),
        arena=net.facts["arena"] + len(net.tables),
        buffer=net.facts["buffer"],
    )
    return asdict(sizes)


def _described(requirements: Requirements, folder: Path) -> ModelDirectory:
    """A model directory for a variant, with labels as long as they will be."""
    from galago.quantize.measurement import measure
    from galago.quantize.pipeline import ModelInfo, contract

    assert requirements.variant
    side, tflite = requirements.variant.size, requirements.network.tflite()
    length = requirements.labels // requirements.classes
    labels = [f"{number:0{length}}" for number in range(requirements.classes)]
    shape = (side, side, requirements.variant.channels)
    return models.write(folder, tflite, contract(ModelInfo("model"), labels, shape) | measure(tflite, shape))


def files_of(form: SmallFiles, board: BoardSpec) -> tuple[int, int]:
    """Bytes of file system that the package with all that belongs to it takes, and the model."""
    written = {path: package.WRITTEN[path] for path in _WRITTEN}
    model = {f"/models/model/{name}": size for name, size in form.model.items()}
    return (
        file_system.bytes_of({**form.package, **written}, board.block),
        file_system.bytes_of(model, board.block),
    )


def heap_of(form: SmallFiles, labels: int, classes: int) -> dict[str, int]:
    """Bytes of heap on a board of 32 bits, without weights, by what takes them."""
    return {
        "device package, small": form.modules,
        "labels, objects": labels + 24 * classes + _OBJECTS,
        "arena": form.arena,
        "machine code": form.code,
    }


def loading_of(form: SmallFiles) -> int:
    """Additional bytes of heap that are in use while the model is loaded, before there are any weights."""
    return _LOADING + round(_SCATTER * form.arena)
