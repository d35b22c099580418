# SPDX-License-Identifier: MIT
"""Counts the Helium kernels of a model on an emulated Cortex-M55, and estimates their cycles.

    counted = helium_cycles.count(model, picture)       # None where QEMU for Arm is missing
    counted.kinds["pointwise"].cycles / counted.kinds["pointwise"].macs

Each layer with weights runs alone, between guards, and its output is compared with TensorFlow Lite Micro's.
QEMU logs every instruction. The estimate is for memory without wait states. The core does two beats a cycle,
a quarter of a vector each, so an instruction on a vector takes two cycles. It overlaps by one with the
instruction before if that works on vectors too and one of the two, but not both, goes to memory. Other
instructions take one cycle, and what COSTS adds; the end of a low-overhead loop takes none.
"""

import itertools
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from docgen.table import table
from galago.native.verify import cortex_m55
from galago.native.verify.cortex_m55 import M55Machine
from galago.native.verify.trial import Trial
from galago.tflite import summary
from galago.tflite.tflm import Tflm

if TYPE_CHECKING:
    from galago.native.verify.machine import Machine

_EXECUTED = re.compile(rb"^Trace \d+: \S+ \[\w+/(\w+)/", re.MULTILINE)
_CHUNK = 1 << 22
COSTS = {"taken branch": 1, "gather": 2, "words": 1, "division of doubles": 30}
"""Cycles in addition: of a branch that is taken; of a vector gathered or scattered, at most two elements of
which go to memory in a cycle; of two words more in a load or store of several registers; of a division."""


@dataclass
class Kind:
    """Layers of a kind."""

    macs: int = 0
    instructions: int = 0
    cycles: int = 0


@dataclass
class Counted:
    """The layers with weights of one inference."""

    layers: set[int] = field(default_factory=set[int])
    kinds: dict[str, Kind] = field(default_factory=dict[str, Kind])

    @property
    def all(self) -> Kind:
        """All of them."""
        kinds = self.kinds.values()
        return Kind(
            *(sum(getattr(each, name) for each in kinds) for name in ("macs", "instructions", "cycles"))
        )


def count(model: bytes, picture: np.ndarray) -> Counted | None:
    """Runs the layers; `picture` is the model's input, int8. Raises SystemExit if an output differs."""
    if cortex_m55.missing():
        return None
    tensors = {i: np.array(t) for i, t in Tflm(model).tensors(picture).items()}
    layers = summary.layers(model)
    found = Counted()
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        log = Path(folder, "executed")
        with M55Machine(log=log) as machine:
            trial = Trial(model, "helium", machine=cast("Machine", machine))
            calls = _run(trial, [picture, *tensors.values()])
            places = [(trial.addresses[each.name] & ~1, each.code) for each in trial.kernels]
        costs = {at: each for start, code in places for at, each in listing(start, code)}
        executed = _calls(log, machine.entry)
        next(executed)  # the machine's own, which measures its overhead
        for layer, addresses in zip(calls, executed, strict=True):
            found.layers.add(layer)
            kind = found.kinds.setdefault(layers[layer].kind, Kind())
            instructions, taken = cycles(addresses, costs)
            kind.instructions += instructions
            kind.cycles += taken
    for layer in found.layers:
        found.kinds[layers[layer].kind].macs += layers[layer].macs
    return found


def section(counted: Counted) -> list[str]:
    """The part of docs/benchmarks.md about cycles, as lines."""
    rows = []
    for name, kind in (*counted.kinds.items(), ("all of these", counted.all)):
        ratios = kind.instructions / kind.macs, kind.cycles / kind.macs, kind.cycles / kind.instructions
        numbers = (f"{number:,}" for number in (kind.macs, kind.instructions, kind.cycles))
        rows.append((name, *numbers, *(f"{ratio:.2f}" for ratio in ratios)))
    headings = ("layers", "MACs", "instructions", "cycles", *_RATIOS)
    return ["", "### Cortex-M55", "", _TEXT, "", *table(headings, rows, right=range(1, 7)).splitlines()]


_RATIOS = ("instructions per MAC", "cycles per MAC", "cycles per instruction")
_TEXT = (
    "The cycles of the Helium kernels for the same model, by a model of the core "
    "(tools/docgen/helium_cycles.py): it computes half a vector, two beats, in a cycle, so an instruction "
    "on vectors takes two. It overlaps by one with the instruction before if one of them goes to memory "
    "and the other computes; loads that alternate with products therefore reach 16 MACs in two cycles. "
    "Other instructions take one cycle, a branch that is taken one more, the end of a low-overhead loop "
    "none. Memory has no wait states. On silicon, CMSIS-NN's code takes 1.17 to 1.22 cycles per "
    "instruction in convolutions and 1.4 to 1.75 in depthwise layers (Cortex-M55 of an Alif E8, issue "
    "17651 of pytorch/executorch); half of its instructions are scalar ones, so fewer cycles per "
    "instruction are to be expected there. With TFLM and CMSIS-NN a Cortex-M85 takes 0.86 cycles per MAC "
    "of this network (RA8D1, 13.39 ms at 480 MHz, MLPerf Tiny v1.2)."
)


def _run(trial: Trial, tensors: list[np.ndarray]) -> list[int]:
    """Runs each layer that has a hand-made kernel on the tensor before it; returns the layer of each call."""
    calls: list[int] = []
    machine: Any = trial.machine
    call = machine.call
    for layer, (before, after) in enumerate(itertools.pairwise(tensors)):
        if not trial.kernel(layer):
            continue

        def counted(*arguments: int, layer: int = layer) -> int:
            calls.append(layer)
            return call(*arguments)

        machine.call = counted
        if trial.run(layer, before.tobytes()) != after.tobytes():
            raise SystemExit(f"layer {layer} differs from TensorFlow Lite Micro's on the Cortex-M55")
    return calls


def _calls(log: Path, entry: int) -> Iterator[list[int]]:
    """The addresses of the instructions of each call, in order."""
    mark, call = b"%08x" % entry, None
    with log.open("rb") as file:
        rest = b""
        while chunk := file.read(_CHUNK):
            text, _, rest = (rest + chunk).rpartition(b"\n")
            for address in _EXECUTED.findall(text + b"\n"):
                if address == mark:
                    if call is not None:
                        yield call
                    call = []
                if call is not None:
                    call.append(int(address, 16))
    if call is not None:
        yield call


class _Cost(NamedTuple):
    cycles: int
    unit: str
    """Of an instruction on vectors: what works, memory or arithmetic; else empty."""
    size: int


def cycles(addresses: list[int], costs: dict[int, _Cost]) -> tuple[int, int]:
    """Instructions and cycles of a call, without the machine's own."""
    own = [(address, costs[address]) for address in addresses if address in costs]
    total, unit, following = 0, "", -1
    for address, cost in own:
        if following not in (-1, address):
            total += COSTS["taken branch"]
        if not cost.cycles:  # the end of a loop, which does not come between what it repeats
            following = -1
            continue
        overlaps = unit and cost.unit and unit != cost.unit
        total += cost.cycles - bool(overlaps)
        unit, following = cost.unit, address + cost.size
    return len(own), total


def listing(start: int, code: bytes) -> Iterator[tuple[int, _Cost]]:
    """The cost of each instruction of a kernel, by its address; of constants too, which are not executed."""
    at = 0
    while at < len(code):
        first = int.from_bytes(code[at : at + 2], "little")
        second = int.from_bytes(code[at + 2 : at + 4], "little")
        cost = _cost(first, second if first >= 0xE800 else None)
        yield start + at, cost
        at += cost.size


def _cost(first: int, second: int | None) -> _Cost:
    """By the encoding: two halves of 16 bits, or one."""
    if second is None:
        several = (first & 0xFE00) in (0xB400, 0xBC00) or (first & 0xF000) == 0xC000
        return _Cost(1 + (first & 0xFF).bit_count() // 2 * COSTS["words"] * several, "", 2)
    if (first & 0xFF80, second & 0xC001) == (0xF000, 0xC001) and (first & 0x70) in (0x00, 0x10, 0x20):
        return _Cost(0 if (first & 0xF) == 0xF else 1, "", 4)  # le and letp; dls, wls and their like
    if (first & 0xFE40) == 0xE800 and (first & 0x01A0):
        return _Cost(1 + second.bit_count() // 2 * COSTS["words"], "", 4)  # ldm and stm
    if (first & 0xEC00) != 0xEC00:
        return _Cost(1, "", 4)
    if (first & 0xFFBF) in (0xED2D, 0xECBD):
        return _Cost((second & 0xFF) // 2, "", 4)  # vpush and vpop, two words a cycle
    scalar = (first & 0xF000) == 0xE000 and (second & 0x0E00) == 0x0A00  # one register, a lane
    if scalar and (first & 0xFF90, second & 0x0F10) != (0xEE80, 0x0B10):  # not vdup
        division = (first & 0xFFB0, second & 0x0F50) == (0xEE80, 0x0B00)
        return _Cost(1 + COSTS["division of doubles"] * division, "", 4)
    if (first & 0xFFE0, second & 0x0F00) == (0xEC00, 0x0F00) or (second & 0x1FFF) == 0x0F4D:
        return _Cost(1, "", 4)  # two lanes, vpst
    gathers = (first & 0xFF00) == 0xFD00 or (first & 0xFFA0) == 0xEC80
    return _Cost(2 + COSTS["gather"] * gathers, "arithmetic" if first & 0x0200 else "memory", 4)
