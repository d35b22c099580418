# SPDX-License-Identifier: MIT
"""Runs a whole model on a 32-bit core, compares each tensor with its reference and counts instructions.

    python -m galago.native.verify.count model.tflite --kernels native --core armv7emsp --blocks 3

It counts the instructions of viper functions and of kernels from galago.native.kernels, which do all the
arithmetic. Calls of the runtime (to unpack arguments, to divide) are counted as calls, and their cost is
bounded. The few lines of Python around them do not count.
"""

import argparse
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago.errors import GalagoError
from galago.native import kernels
from galago.native.verify.cores import CORES
from galago.native.verify.device import Device
from galago.native.verify.qemu_xtensa import XTENSA
from galago.tflite import summary
from galago.tflite.summary import LayerSummary

_SEED = 1
# Instructions. Most calls unpack an argument in about 20; the longest is a division on a core without one.
_MOST_OF_A_CALL = 250
_CLASSES = {  # first letters of mnemonics; capstone writes compressed RISC-V instructions as c.name
    "load": ("ldr", "ldm", "pop", "lw", "lbu", "lhu", "lb", "lh", "lwsp", "l8ui", "l16", "l32"),
    "store": ("str", "stm", "push", "sw", "sb", "sh", "swsp", "s8i", "s16i", "s32i"),
    "branch": ("b", "j", "ret", "call"),
    "multiply": ("mul", "mla"),
}
_NOT_BRANCHES = ("bic", "bkpt", "bfi", "bfc")


@dataclass
class Count:
    """One inference on one core: the output tensor of each layer, and the instructions that it executed."""

    device: Device
    layers: list[LayerSummary]
    arena_bytes: int
    tensors: list[bytearray]
    each: list[int]

    @property
    def macs(self) -> int:
        """MACs of the whole network."""
        return sum(layer.macs for layer in self.layers)

    @property
    def instructions(self) -> int:
        """Instructions executed by the whole network."""
        return sum(self.each)

    @property
    def runtime(self) -> int:
        """The most instructions that the runtime executes in addition, when viper code calls it."""
        return _MOST_OF_A_CALL * sum(self.device.runtime.calls.values())

    def kinds(self) -> dict[str, tuple[int, int]]:
        """MACs and instructions by kind of layer."""
        found: dict[str, tuple[int, int]] = {}
        for layer, instructions in zip(self.layers, self.each, strict=True):
            macs, total = found.get(layer.kind, (0, 0))
            found[layer.kind] = macs + layer.macs, total + instructions
        return found

    def mix(self) -> Counter[str]:
        """Instructions by class: load, store, branch, multiply, other."""
        machine = self.device.runtime.machine
        found: Counter[str] = Counter()
        for block, times in machine.blocks.items():
            for line in machine.listing(block):
                found[_class(line.split()[0])] += times
        return found

    def extra_words(self) -> int:
        """Words that loads and stores of several registers move in addition to the first, on Arm."""
        machine = self.device.runtime.machine
        found = 0
        for block, times in machine.blocks.items():
            for line in machine.listing(block):
                name, _, operands = line.partition(" ")
                if name.split(".")[0] in ("ldm", "stm", "push", "pop"):
                    found += times * operands.partition("{")[2].count(",")
                elif name in ("ldrd", "strd"):
                    found += times
        return found

    def functions(self) -> Counter[str]:
        """Instructions by viper function."""
        machine, functions = self.device.runtime.machine, self.device.runtime.functions
        starts = sorted((function.code & ~1, function.name) for function in functions)
        found: Counter[str] = Counter()
        for block, times in machine.blocks.items():
            name = starts[bisect_right(starts, (block[0], "~")) - 1][1]
            found[name] += times * machine.length(block)
        return found

    def hottest(self, number: int) -> list[tuple[int, int, list[str]]]:
        """The most expensive basic blocks: how often each was executed, instructions in all, listing."""
        machine = self.device.runtime.machine
        costs = {block: times * machine.length(block) for block, times in machine.blocks.items()}
        best = sorted(costs, key=costs.__getitem__, reverse=True)[:number]
        return [(machine.blocks[block], costs[block], machine.listing(block)) for block in best]


def run(model: bytes, device: Device, picture: np.ndarray, native: bytes | None = None) -> Count:
    """Counts one inference of a .tflite on a device, which starts afresh; `picture` is the int8 input.

    `native` is the .mpy of kernels.build for this model and core; without it viper computes.
    """
    device.runtime.forget()
    functions = device.kernels(native) if native else None
    net: Any = device.load("mobilenet.tflite").Interpreter(model, kernels=functions)  # type: ignore[attr-defined]
    layers = summary.layers(model)
    count = Count(device, layers, net.arena_bytes, [bytearray() for _ in layers], [0] * len(layers))
    net.input[:] = picture.tobytes()
    machine = device.runtime.machine
    machine.blocks.clear()
    device.runtime.calls.clear()
    done = 0

    def after(layer: int, first: int, last: int) -> None:
        nonlocal done
        count.tensors[layer] += net.rows(layer, first, last)
        now = machine.instructions()
        count.each[layer] += now - done
        done = now

    net.invoke(after)
    return count


def check(count: Count, expected: dict[int, np.ndarray]) -> None:
    """Compares every tensor with TFLM's (Tflm.tensors, in the order of operators), byte for byte.

    Raises GalagoError native.differs for the first that differs.
    """
    for number, (tensor, found) in enumerate(zip(expected.values(), count.tensors, strict=True)):
        reference = tensor.astype(np.int8).tobytes()
        if reference != found:
            wrong = sum(a != b for a, b in zip(reference, found, strict=False))
            raise GalagoError(
                "native.differs",
                f"layer {number} {count.layers[number].operator} on {count.device.core.name}: {wrong} of "
                f"{len(reference)} bytes differ from TensorFlow Lite Micro's; {len(found)} were computed",
            )


def _class(mnemonic: str) -> str:
    name = mnemonic.removeprefix("c.").split(".")[0]
    if not name.startswith(_NOT_BRANCHES):
        for kind, starts in _CLASSES.items():
            if name.startswith(starts):
                return kind
    return "other"


def _show(count: Count, blocks: int) -> None:
    print(f"{count.device.core.name} ({count.device.core.arch}): every tensor equals the reference's")
    for number, (layer, instructions) in enumerate(zip(count.layers, count.each, strict=True)):
        ratio = f"{instructions / layer.macs:6.2f}" if layer.macs else ""
        print(
            f"{number:3} {layer.kind:16} {'x'.join(map(str, layer.input)):>12} -> "
            f"{'x'.join(map(str, layer.output)):12} {layer.macs:9,} MAC {instructions:12,} {ratio}"
        )
    for kind, (macs, instructions) in count.kinds().items():
        ratio = f"{instructions / macs:6.2f} per MAC" if macs else ""
        print(f"  {kind:16} {instructions:12,} {instructions / count.instructions:6.1%} {ratio}")
    for name, instructions in count.functions().most_common():
        print(f"  in {name:24} {instructions:12,} {instructions / count.instructions:6.1%}")
    print(
        f"  total {count.instructions:,} instructions, {count.macs:,} MAC: "
        f"{count.instructions / count.macs:.2f} per MAC, and at most {count.runtime / count.macs:.2f} more "
        f"in the runtime; arena {count.arena_bytes:,} bytes; calls of the runtime: "
        + ", ".join(f"{name} {times:,}" for name, times in count.device.runtime.calls.most_common())
    )
    for times, cost, listing in count.hottest(blocks):
        print(f"\n  {times:,} times {len(listing)} instructions, {cost / count.instructions:.1%}:")
        print("    " + "\n    ".join(listing))


def main() -> None:
    """Runs the command; an error is one line."""
    try:
        _main()
    except GalagoError as error:
        raise SystemExit(f"galago: {error.message}") from error


def _main() -> None:
    from galago.tflite.reference import reference

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    cores = sorted([*CORES, XTENSA.arch])
    parser.add_argument(
        "--core", action="append", choices=cores, help="default: the three that differ, in Unicorn"
    )
    parser.add_argument("--kernels", choices=("viper", "native"), default="viper")
    parser.add_argument("--blocks", type=int, default=0, help="list this many of the costliest basic blocks")
    options = parser.parse_args()
    model = options.model.read_bytes()
    oracle = reference(model)
    picture = np.random.default_rng(_SEED).integers(-128, 128, oracle.input_shape).astype(np.int8)
    for arch in options.core or ("armv7emsp", "armv6m", "rv32imc"):
        data = kernels.build(model, arch) if options.kernels == "native" else None
        count = run(model, Device(arch), picture, data)
        check(count, oracle.tensors(picture))
        _show(count, options.blocks)


if __name__ == "__main__":
    main()
