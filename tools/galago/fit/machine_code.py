# SPDX-License-Identifier: MIT
"""The size of the machine code for a model (galago.native.kernels), and the instructions that it executes.

code = machine_code.of(requirements.network, "armv7emsp")       # None where only viper can compute
code.size, code.file, code.plan
"""

import functools
from typing import NamedTuple

from galago import cache
from galago.fit.network import Network, plan_as_json, plan_from_json
from galago.tflite.engine import Plan

# Instructions per MAC, counted exactly for the shipped model
# (python -m galago.native.verify.count MODEL --kernels native); for Helium layer by layer, in a
# native.verify.trial.Trial, since only QEMU knows it.
_THUMB2 = {"convolution": 1.32, "depthwise": 2.90, "pointwise": 0.88, "fully connected": 3.54}
INSTRUCTIONS = {
    "armv6m": {"convolution": 6.07, "depthwise": 10.44, "pointwise": 3.78, "fully connected": 6.66},
    "rv32imc": {"convolution": 4.48, "depthwise": 6.03, "pointwise": 2.91, "fully connected": 4.62},
    "xtensawin": {"convolution": 5.70, "depthwise": 8.23, "pointwise": 3.67, "fully connected": 6.63},
    "helium": {"convolution": 0.42, "depthwise": 0.84, "pointwise": 0.20, "fully connected": 0.91},
}
INSTRUCTIONS |= dict.fromkeys(("armv7em", "armv7emsp", "armv7emdp"), _THUMB2)


class MachineCode(NamedTuple):
    """The machine code for one model on one architecture. Sizes in bytes."""

    size: int
    """Size of the code, wherever a board keeps it."""
    file: int
    """Size of kernels.mpy."""
    plan: Plan
    """What the engine allocates when it runs this code."""


@functools.cache
def of(network: Network, arch: str) -> MachineCode | None:
    """The machine code for a network, or None where there is none for the architecture.

    Raises GalagoError model.malformed, model.operator or model.quantization, as a board would.
    """
    if arch not in INSTRUCTIONS:
        return None
    # The generators make the same code for all cores with Thumb-2, whatever their FPU.
    generic = "armv7emsp" if INSTRUCTIONS[arch] is _THUMB2 else arch
    known = cache.derive("machine code", f"{generic} {network.key}", lambda: _generate(network, generic))
    if known is None:
        return None
    return MachineCode(known["size"], known["file"], plan_from_json(known["plan"]))


def _generate(network: Network, arch: str) -> dict | None:
    from galago.native import kernels
    from galago.tflite import engine, records

    model = network.tflite()
    layers = records.read(model)
    functions = kernels.generate(layers, arch)
    if not functions:
        return None
    file = kernels.pack(layers, functions, arch)
    names = tuple(function.name for function in functions)
    plan = engine.plan(model, kernels.layers(layers, functions), names)
    size = sum(len(function.code) for function in functions)
    return {"size": size, "file": len(file), "plan": plan_as_json(plan)}
