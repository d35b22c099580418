# SPDX-License-Identifier: MIT
"""What the small form's engine (firmware/small/engine.py) reads of one model: its weights, and all else.

network = prepare(model, "armv7emsp")
network.weights                     # bytes of weights.bin
network.description("a1b2…")        # bytes of the archive's file `network`
"""

import json
import struct
import zlib
from array import array
from dataclasses import dataclass
from typing import Any

from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.models.golden import pattern
from galago.native import kernels, mpy
from galago.native.kernels import schedule
from galago.small import tape
from galago.tflite import engine, records
from galago.tflite.reference import reference

WEIGHTS = "weights.bin"
_ONE = struct.pack("<f", 1.0)
_LARGEST_BYTE = 255


@dataclass(frozen=True)
class SmallNetwork:
    """One model in the small form, for one kind of processor."""

    kernels: bytes
    """The .mpy with its machine code."""
    code: int
    """Bytes of machine code."""
    weights: bytes
    facts: dict[str, Any]
    expected: bytes
    """The file `expected`: what the host computed, for proof.py."""

    tables: bytes
    """The file `tables`, for parts.py: the records of all layers, position and size of each piece of the
    weights, and the calls."""

    def description(self, proof: str) -> bytes:
        """The file `network`. `proof` stands for what a board has compared with the host's results."""
        return json.dumps(self.facts | {"proof": proof}, separators=(",", ":")).encode()


def prepare(model: ModelDirectory, arch: str) -> SmallNetwork:
    """The small form of a model. `arch` is that of the machine code.

    Raises GalagoError model.operator if the small form cannot run the model, and model.contract if its
    pictures are not RGB as they are.
    """
    shape = model.contract["input"]
    if "transform" in shape or model.input_shape[2] != 3:
        raise GalagoError(
            "model.contract", "the small form takes RGB pictures as they are: use another board"
        )
    tflite = model.tflite.read_bytes()
    layers = records.read(tflite)
    generated = kernels.generate(layers, arch, compact=True)
    functions = [made for made in generated if made.name != schedule.NAME]
    # Those that have most bytes in common follow each other: a window of 2 KB reaches from one to the next.
    functions.sort(key=lambda made: (made.name.partition("_")[0], len(made.code)))
    table = kernels.layers(layers, functions)
    recorded = tape.record(tflite, table, tuple(function.name for function in functions))
    weights, positions = _weights(tflite, recorded.pieces)
    place = json.loads(engine.stored_plan(tflite, table).partition(b"\n")[0])
    scores = model.contract["output"]
    golden = [[entry["pattern"], entry["output_int8"]] for entry in model.contract["golden"]]
    facts = {
        "model": model.name,
        "labels": model.labels,
        "shape": model.input_shape,
        "resize": shape["resize"],
        "unknown_below": model.contract.get("unknown_below", 0),
        "activation": scores.get("activation", "softmax"),
        "golden": golden[-1],
        "input": [place["input"][0], _product(place["input"][1])],
        "output": [place["output"][0], _product(place["output"][1]), scores["scale"], scores["zero_point"]],
        "arena": recorded.arena,
        "buffer": recorded.buffer,
        "vipers": recorded.vipers,
        "code": sum(len(function.code) for function in functions),
        "weights": WEIGHTS,
        "crc32": zlib.crc32(weights),
    }
    return SmallNetwork(
        kernels=mpy.machine_code(
            {f"k{n}": made.code for n, made in enumerate(functions)}, arch, {"COUNT": len(functions)}
        ),
        code=facts["code"],
        weights=weights,
        facts=facts,
        tables=_tables(recorded, positions),
        expected=json.dumps({"golden": golden, "sums": _sums(model, tflite)}, separators=(",", ":")).encode(),
    )


def _tables(recorded: tape.Tape, positions: list[int]) -> bytes:
    """What parts.py loads, after four words: how many words, numbers of pieces and items of calls there are,
    and the kind of the latter."""
    items = [item for call in recorded.calls for item in call]
    kind = "H" if max(items) > _LARGEST_BYTE else "B"
    sizes = len(recorded.words), len(positions), len(items), ord(kind)
    words = array("i", [*sizes, *recorded.words, *positions])
    return words.tobytes() + array(kind, items).tobytes()


def _weights(tflite: bytes, pieces: list[list[int]]) -> tuple[bytes, list[int]]:
    """The pieces of a .tflite that kernels read, each at a multiple of four, and where each is."""
    weights, positions = bytearray(), list[int]()
    for position, size in pieces:
        positions += [len(weights), size]
        weights += _ONE if position < 0 else tflite[position : position + size]
        weights += bytes(-len(weights) % 4)
    return bytes(weights), positions


def _sums(model: ModelDirectory, tflite: bytes) -> list[int]:
    """The CRC-32 of each layer's output for the last golden picture."""
    picture = pattern(model.contract["golden"][-1]["pattern"], model.input_shape)
    tensors = reference(tflite).tensors(picture[None]).values()
    return [zlib.crc32(tensor.tobytes()) for tensor in tensors]


def _product(shape: list[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
