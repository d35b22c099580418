# SPDX-License-Identifier: MIT
"""The files that each runtime needs on a board in addition to the .tflite, made when flashing.

One module per backend, with

files(model, board)   kind → (file name, bytes); raises GalagoError if the runtime cannot run the model
facts(model, board)   other values for the board, name → number; optional

    needed = runtimes.prepare(model, boards.load("RPI_PICO2"))
    needed.files                         # {"tmdl": ("model.tmdl", b"…")}
    needed.refused                       # {"microlite": GalagoError(…)}
    runtimes.board_model(model, board)   # file name → bytes of the model's directory on that board

On the board `Model.file(kind)` finds each file by its entry in model.json, and `Model.runtime(backend, name)`
each fact.
"""

import dataclasses
import hashlib
import importlib
import importlib.util
import zlib
from dataclasses import dataclass, field

from galago import models, transport
from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.models import ModelDirectory

MODULES = {
    "openmv": ("ml",),
    "microlite": ("microlite",),
    "emlearn": ("emlearn_cnn_int8", "emlearn_cnn", "tinymaix_cnn"),
    "maixpy": ("KPU",),
    "canmv_k210": ("maix",),
    "canmv_k230": ("nncase_runtime",),
}
"""The module that each backend uses on the board; of several names the current one comes first."""

READ_TFLITE = {"builtin", "openmv", "microlite"}
"""Backends that run the .tflite itself; a board with none of them does not get it."""

EXACT = READ_TFLITE
"""Backends whose answers equal TensorFlow Lite Micro's; the others have their own arithmetic."""


@dataclass
class Prepared:
    """The files for all runtimes that can run a model on a board, and the reasons why others cannot."""

    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Kind, as in model.json, → file name and bytes."""
    facts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Backend → name → number."""
    refused: dict[str, GalagoError] = field(default_factory=dict)


def carried(device: transport.Board, known: BoardSpec | None) -> BoardSpec | None:
    """Returns the board with only those backends whose module its firmware has, or with all if it has none.

    Other backends would get files that nothing on the board reads.
    """
    if known is None:
        return None
    names = [module for backend in known.backends for module in MODULES.get(backend, ())]
    importable = device.exec(
        f"for name in {names!r}:\n try:\n  __import__(name)\n  print(name)\n except ImportError:\n  pass"
    ).split()
    backends = tuple(
        name for name in known.backends if name not in MODULES or set(MODULES[name]) & set(importable)
    )
    return dataclasses.replace(known, backends=backends or known.backends)


def prepare(model: ModelDirectory, board: BoardSpec | None) -> Prepared:
    """Prepares a model for all runtimes of a board; for an unknown board (None) there are no runtimes.

    Raises the GalagoError of the first runtime if no runtime of the board can run the model.
    """
    prepared = Prepared()
    backends = board.backends if board else ()
    for name in backends:
        path = f"{__name__}.{name}"
        if importlib.util.find_spec(path) is None:
            continue
        try:
            module = importlib.import_module(path)
            files = module.files(model, board)
            if hasattr(module, "facts"):
                prepared.facts[name] = module.facts(model, board)
            prepared.files |= files
        except GalagoError as error:
            prepared.refused[name] = error
    if backends and len(prepared.refused) == len(backends):
        raise prepared.refused[backends[0]]
    return prepared


def board_model(
    model: ModelDirectory, board: BoardSpec | None, prepared: Prepared | None = None
) -> dict[str, bytes]:
    """Returns the files of a model's directory on a board by name; model.json, which lists them, comes last.

    `prepared` is the result of `prepare` if the caller already has it. Raises as `prepare`.
    """
    prepared = prepared or prepare(model, board)
    content: dict[str, tuple[str, bytes]] = {}
    if board is None or READ_TFLITE & set(board.backends):
        content["tflite"] = (model.tflite.name, model.tflite.read_bytes())
    content |= prepared.files
    entries = {
        kind: {
            "name": name,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "crc32": f"{zlib.crc32(data):08x}",
        }
        for kind, (name, data) in content.items()
    }
    files = dict(content.values())
    contract = model.contract | {"files": entries}
    if prepared.facts:
        contract["runtimes"] = prepared.facts
    files[models.CONTRACT] = models.layout(contract).encode()
    return files
