# SPDX-License-Identifier: MIT
"""Machine code for the layers of one model on one processor architecture, and how the engine calls it.

    data = kernels.build(model_bytes, "armv7emsp")       # a .mpy, stored beside the model as kernels.mpy

A generator is a module or package here, named in GENERATORS, with `generate(records, arch) → list[Kernel]`,
and with `compact(records, arch)` where it can trade speed for bytes. It reads the records of a model's layers
(galago.tflite.records) and generates functions for the layers that it supports. For the others the compiler
compiles the viper kernels (viper.py); what it cannot compile stays viper. The function `schedule` calls the
kernels of a whole inference (schedule.py). A kernel is a drop-in replacement: it reads the same record words
and the same weights, in the order and at the place that they have in the .tflite (any alignment), and writes
the same bytes.

**The call** is `fun(self, n_args, n_kw, args)` by the C calling convention of the processor. args[0] is an
array object; the pointer to its items is the word at ITEMS (12; 24 on x64). The rest of `args` is not used.
The result must be an object: return SMALL_INT_0, the word 1. The items are machine words:

     0 RECORD    address of the layer's record, 32 words of int32 (record.toml), offsets are in the arena
     1 ARENA     address of the arena
     2 WEIGHTS   address of the weights of output channel CHANNEL
     3 FIRST  4 LAST      output rows to compute: FIRST … LAST - 1
     5 CHANNEL  6 STOP    output channels to compute: CHANNEL … STOP - 1

**The order of rows.** A layer that runs by itself is called once for all its rows. A layer of a chain is
called for one row at a time, in order from row 0, without gaps (rows at the end that no later layer reads may
never be computed). A kernel may therefore keep input rows in scratch and, when FIRST > 0, read only the new
ones. Every caller must keep this order, including the first-use proof on the board
(firmware/mobilenet/tflite/kernels/proof.py).

**Scratch.** Kernel.scratch says how many bytes of the arena each layer needs at its record's SCRATCH, which
is aligned to 4 bytes and keeps its contents until the layer's last row is done. For layers with weights it
begins with the table, three words for each output channel: multiplier, shift (as TFLM's: positive to the
left) and bias. It is filled before the first call with FIRST = 0; a kernel may change it then.

**Convolutions and fully connected layers** are called for tiles of at most record[TILE] rows and, of each
tile, for groups of channels: the first call of a tile has CHANNEL = 0, the last STOP = OUT_C. Input and
output may overlap, so a kernel must copy the whole tile to scratch when CHANNEL = 0, before it writes any
output. A group has at least two channels, unless OUT_C is 1; STOP of all but the last is
even. WEIGHTS is valid for the group alone.

**Depthwise layers** are called with all channels; input and output do not overlap. WEIGHTS is valid for
FIRST = 0 alone: a kernel keeps in scratch what it needs of the weights later. Other operators are called with
FIRST and LAST, like their viper kernels; WEIGHTS is the address of the second input of elementwise ones.

**Compiled kernels of layers with weights** compute what no generator takes: general convolutions (dilated or
in groups), and depthwise layers with other windows or several channels for each of the input's. They fill the
table themselves, and WEIGHTS is the address of the .tflite. Where weights are streamed, viper computes.

**Functions of all layers.** A kernel named "scales" replaces the engine's `fill`: WEIGHTS is the address of
the float32 scales, record[SCALE_STEP] bytes apart, and it writes the first two words of each entry of the
table, in whatever form the other kernels need. One named "biases" writes the third: WEIGHTS is the address
of the int32 biases, or 0 if there are none. Their `scratch` is empty.
"""

import functools
import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import Any

from galago.native import mpy
from galago.native.kernels import schedule, viper
from galago.tflite.engine import LayerKernels
from galago.tflite.records import Record, read

RECORD, ARENA, WEIGHTS, FIRST, LAST, CHANNEL, STOP = range(7)
ITEMS = 12
ITEMS_X64 = 24
SMALL_INT_0 = 1

FILE = "kernels.mpy"
MOST_CODE = 16 * 1024
"""Most bytes of machine code for one model: they are in the board's heap."""

GENERATORS = {
    "armv6m": "armv6m",
    "armv7m": "armv6m",
    "armv7em": "armv7em",
    "armv7emsp": "armv7em",
    "armv7emdp": "armv7em",
    "helium": "helium",
    "rv32imc": "rv32imc",
    "xtensawin": "xtensawin",
    "x64": "x64",
}
"""Architecture, as mpy-cross names it → module of this package. It has no name for helium (mpy.LOADED_AS)."""


@dataclass(frozen=True)
class Kernel:
    """One function, and the layers that it computes."""

    name: str
    """The name of the function in the .mpy."""
    code: bytes
    """Position-independent machine code, entered at its first byte."""
    scratch: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """Layer → bytes of scratch when it runs row by row in a chain, and when it runs as a whole."""


def generate(records: list[Record], arch: str, compact: bool = False) -> list[Kernel]:
    """The kernels for a model's layers; an empty list if there is no generator for the architecture.

    `compact` ones have less code, where the generator can do that, and execute more instructions. Where they
    exceed MOST_CODE, those with the most bytes per MAC are left out.
    """
    name = GENERATORS.get(arch)
    if name is None or importlib.util.find_spec(f"{__name__}.{name}") is None:
        return []
    generator = importlib.import_module(f"{__name__}.{name}")
    make = getattr(generator, "compact", generator.generate) if compact else generator.generate
    kernels: list[Kernel] = make(records, arch)
    kernels += _compiled(records, kernels, arch)
    code = schedule.code(arch)
    if kernels and code:
        kernels.append(Kernel(schedule.NAME, code))
    while sum(len(kernel.code) for kernel in kernels) > MOST_CODE:
        with_layers = [kernel for kernel in kernels if kernel.scratch]
        kernels.remove(min(with_layers, key=lambda kernel: _macs_per_byte(kernel, records)))
    return kernels


def _compiled(records: list[Record], made: list[Kernel], arch: str) -> list[Kernel]:
    """Kernels for the layers that those in `made` do not compute, compiled from the viper kernels."""
    layers: dict[str, dict[int, tuple[int, int]]] = {}
    known = {layer for kernel in made for layer in kernel.scratch}
    for number, record in enumerate(records):
        if number not in known:
            layers.setdefault(record.kernel, {})[number] = (0, 0)
    compiled = [(name, viper.code(name, arch), scratch) for name, scratch in layers.items()]
    return [Kernel(name, code, scratch) for name, code, scratch in compiled if code]


def _macs_per_byte(kernel: Kernel, records: list[Record]) -> float:
    return sum(records[layer].macs for layer in kernel.scratch) / len(kernel.code)


@functools.lru_cache(maxsize=8)
def build(model: bytes, arch: str) -> bytes | None:
    """The .mpy with a model's kernels, or None if there is no generator for the architecture.

    Its constant LAYERS has an entry for each layer that a function computes: (layer, name of the function,
    signature of the record, bytes of scratch row by row, bytes of scratch as a whole). Raises GalagoError as
    `engine.plan` does for a model that the engine cannot run.
    """
    records = read(model)
    kernels = generate(records, arch)
    return pack(records, kernels, arch) if kernels else None


def pack(records: list[Record], kernels: list[Kernel], arch: str) -> bytes:
    """The .mpy with these kernels, as `build` describes it."""
    functions = {kernel.name: kernel.code for kernel in kernels}
    return mpy.machine_code(functions, arch, {"LAYERS": layers(records, kernels)})


def layers(records: list[Record], kernels: list[Kernel]) -> LayerKernels:
    """The value of LAYERS."""
    return tuple(
        sorted(
            (layer, kernel.name, records[layer].signature, *sizes)
            for kernel in kernels
            for layer, sizes in kernel.scratch.items()
        )
    )


def layers_in(module: mpy.Module) -> LayerKernels | None:
    """The value of LAYERS in a .mpy that `pack` made, None in another."""
    tables: list[Any] = [value for value in module.constants if isinstance(value, tuple)]
    return tables[0] if tables else None
