# SPDX-License-Identifier: MIT
"""What each runtime needs on a board beside the .tflite, made when flashing. One file here per backend, with

files(model, board)   kind → (file name, bytes); GalagoError with the reason where it cannot
facts(model, board)   what else the board should know, name → number; a file may do without it

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
"""The module that a backend uses on the board, of several names the present one first."""

READ_TFLITE = {"builtin", "openmv", "microlite"}
"""Backends that run the .tflite itself; a board with none of them gets no .tflite."""

EXACT = READ_TFLITE
"""Those that compute as TensorFlow Lite Micro does; the others have an arithmetic of their own."""


@dataclass
class Prepared:
    """The files of all runtimes that can run a model on a board, and why the others cannot."""

    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Kind, as in model.json, → file name and bytes."""
    facts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Backend → name → number."""
    refused: dict[str, GalagoError] = field(default_factory=dict)


def carried(device: transport.Board, known: BoardSpec | None) -> BoardSpec | None:
    """The known board with those of its backends that its firmware turns out to have, or all if it has none.

    Others would only get files that nothing on the board reads.
    """
    if known is None:
        return None
    names = [module for backend in known.backends for module in MODULES.get(backend, ())]
    found = device.exec(
        f"for name in {names!r}:\n try:\n  __import__(name)\n  print(name)\n except ImportError:\n  pass"
    ).split()
    backends = tuple(
        name for name in known.backends if name not in MODULES or set(MODULES[name]) & set(found)
    )
    return dataclasses.replace(known, backends=backends or known.backends)


def prepare(model: ModelDirectory, board: BoardSpec | None) -> Prepared:
    """Asks the runtimes of a board, or none if it is not known which board that is.

    Raises the first refusal if no runtime of the board can run the model.
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
    """All files of a model's directory on a board by name; model.json, which names them, comes last.

    `prepared` is what `prepare` gave, where the caller has it already. Raises as that does.
    """
    prepared = prepared or prepare(model, board)
    content: dict[str, tuple[str, bytes]] = {}
    if board is None or READ_TFLITE & set(board.backends):
        content["tflite"] = (model.tflite.name, model.tflite.read_bytes())
    content |= prepared.files
    entries = {
        kind: {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for kind, (name, data) in content.items()
    }
    files = dict(content.values())
    contract = model.contract | {"files": entries}
    if prepared.facts:
        contract["runtimes"] = prepared.facts
    files[models.CONTRACT] = models.layout(contract).encode()
    return files
