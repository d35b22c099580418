# SPDX-License-Identifier: MIT
"""Machine code for the layers of one model on one kind of processor, and how the engine calls it.

    data = kernels.build(model_bytes, "armv7emsp")       # a .mpy, which lies beside the model as kernels.mpy

A generator is a module or package here, named in GENERATORS, with `generate(records, arch) → list[Kernel]`.
It looks at the records of a model's layers (records.py) and makes the functions that compute those that it
knows; a layer that no kernel names is computed by viper. A kernel is a drop-in replacement: it reads the same
record words and the same weights, in the order and place where the .tflite has them (any alignment), and
writes the same bytes.

**The call.** `fun(self, n_args, n_kw, args)` by the C calling convention of the processor. args[0] is an
array object; the pointer to its items is the word at ITEMS (12; 24 on x64). Nothing else of `args` matters.
The result must be an object: return SMALL_INT_0, the word 1. The items, machine words, are

     0 RECORD    address of the layer's record, 32 words of int32 (graph.py), offsets are in the arena
     1 ARENA     address of the arena
     2 WEIGHTS   address of the weights of output channel CHANNEL
     3 FIRST  4 LAST      output rows to compute: FIRST … LAST - 1
     5 CHANNEL  6 STOP    output channels to compute: CHANNEL … STOP - 1

**The order of rows.** A layer that runs by itself is called once for all its rows. A layer of a chain is
called for one row at a time, in order from row 0, and none is skipped (rows at the end that no later layer
reads may never be computed). A kernel may therefore keep input rows in scratch and, when FIRST > 0, read only
the new ones. Every caller must keep to this order, including the first-use proof on the board
(firmware/mobilenet/tflite/kernels/proof.py).

**Scratch.** Kernel.scratch says how many bytes of the arena each layer needs at its record's SCRATCH, which
is aligned to 4 bytes and keeps its contents until the layer's last row is done. In layers with weights it
begins with the table: of each output channel three words, multiplier, shift (TFLM's: positive to the left)
and bias. It is filled before the first call with FIRST = 0; a kernel may change it then.

**Convolutions and fully connected layers** are called for tiles of at most record[TILE] rows and, of each
tile, for groups of channels: the first call of a tile has CHANNEL = 0, the last STOP = OUT_C. Input and
output may overlap such that the whole tile must be read, into scratch, when CHANNEL = 0, and the output may
be written from then on. A group has at least two channels, unless OUT_C is 1; STOP of all but the last is
even. WEIGHTS is valid for the group alone.

**Depthwise layers** are called with all channels; input and output do not overlap. WEIGHTS is valid for
FIRST = 0 alone: what a kernel needs of the weights later it keeps in scratch. Other operators are called
with FIRST and LAST, as their viper kernels are.

**Functions of all layers.** A kernel named "scales" replaces the engine's `fill`: WEIGHTS is the address of
the float32 scales, record[SCALE_STEP] bytes apart, and it writes the first two words of each entry of the
table, in whatever form the other kernels want. One named "biases" writes the third: WEIGHTS is the address
of the int32 biases, or 0 where there are none. Their `scratch` is empty.
"""

import functools
import importlib
import importlib.util
from dataclasses import dataclass, field

from galago.native import mpy
from galago.tflite.records import Record, read

RECORD, ARENA, WEIGHTS, FIRST, LAST, CHANNEL, STOP = range(7)
ITEMS = 12
ITEMS_X64 = 24
SMALL_INT_0 = 1

FILE = "kernels.mpy"
MOST_CODE = 16 * 1024
"""Bytes of machine code of one model, at most: they take the board's heap."""

GENERATORS = {
    "armv6m": "armv6m",
    "armv7m": "armv6m",
    "armv7em": "armv7em",
    "armv7emsp": "armv7em",
    "armv7emdp": "armv7em",
    "rv32imc": "rv32imc",
    "xtensawin": "xtensawin",
    "x64": "x64",
}
"""Architecture, as mpy-cross names it → module of this package."""


@dataclass(frozen=True)
class Kernel:
    """One function and the layers that it computes."""

    name: str
    """Of the function in the .mpy."""
    code: bytes
    """Independent of its place, entered at its first byte."""
    scratch: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Layer → bytes of scratch where it runs row by row in a chain, and where it runs whole."""


def generate(records: list[Record], arch: str) -> list[Kernel]:
    """The kernels for a model's layers; none where nothing can be generated for the architecture."""
    name = GENERATORS.get(arch)
    if name is None or importlib.util.find_spec(f"{__name__}.{name}") is None:
        return []
    made = importlib.import_module(f"{__name__}.{name}").generate(records, arch)
    # What is too much goes: where most bytes are for the fewest products.
    while sum(len(kernel.code) for kernel in made) > MOST_CODE:
        made.remove(
            min((kernel for kernel in made if kernel.scratch), key=lambda each: _worth(each, records))
        )
    return made


def _worth(kernel: Kernel, records: list[Record]) -> float:
    return sum(records[layer].macs for layer in kernel.scratch) / len(kernel.code)


@functools.lru_cache(maxsize=8)
def build(model: bytes, arch: str) -> bytes | None:
    """The .mpy with a model's kernels, or None where nothing can be generated for the architecture.

    Its name LAYERS lists, of each layer that a function computes, (layer, name of the function, signature of
    the record, bytes of scratch row by row, bytes of scratch whole). Raises GalagoError model.* for what the
    engine cannot run.
    """
    records = read(model)
    kernels = generate(records, arch)
    return pack(records, kernels, arch) if kernels else None


def pack(records: list[Record], kernels: list[Kernel], arch: str) -> bytes:
    """The .mpy with these kernels, as `build` describes it."""
    functions = {kernel.name: kernel.code for kernel in kernels}
    return mpy.machine_code(functions, arch, {"LAYERS": layers(records, kernels)})


def layers(records: list[Record], kernels: list[Kernel]) -> tuple[tuple[int, str, int, int, int], ...]:
    """What the file says in LAYERS."""
    return tuple(
        sorted(
            (layer, kernel.name, records[layer].signature, *sizes)
            for kernel in kernels
            for layer, sizes in kernel.scratch.items()
        )
    )
