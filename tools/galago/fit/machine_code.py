# SPDX-License-Identifier: MIT
"""What machine code for a model (galago.native.kernels) takes of a board, and the instructions it spends.

made = machine_code.of(model_bytes, "armv7emsp")       # None where viper has to do
made.size, made.file, made.plan
"""

import functools
from typing import NamedTuple

from galago.native import kernels
from galago.tflite import records
from galago.tflite.engine import Plan, plan

# Instructions per MAC, counted exactly for the shipped model
# (python -m galago.native.verify.count MODEL --kernels native); of fully connected layers on Xtensa, RV32's.
_THUMB2 = {"convolution": 1.32, "depthwise": 2.90, "pointwise": 0.88, "fully connected": 3.54}
INSTRUCTIONS = {
    "armv6m": {"convolution": 7.14, "depthwise": 11.53, "pointwise": 4.91, "fully connected": 10.68},
    "rv32imc": {"convolution": 4.61, "depthwise": 6.30, "pointwise": 3.12, "fully connected": 5.50},
    "xtensawin": {"convolution": 5.93, "depthwise": 8.80, "pointwise": 4.24, "fully connected": 5.50},
}
INSTRUCTIONS |= dict.fromkeys(("armv7em", "armv7emsp", "armv7emdp"), _THUMB2)


class MachineCode(NamedTuple):
    """Of one model on one architecture. Sizes in bytes."""

    size: int  # of the code, where a board keeps it
    file: int  # of kernels.mpy
    plan: Plan


@functools.cache
def of(model: bytes, arch: str) -> MachineCode | None:
    """Raises GalagoError model.malformed, model.operator or model.quantization, as a board would."""
    if arch not in INSTRUCTIONS:
        return None
    data = kernels.build(model, arch)
    if not data:
        return None
    made = records.read(model)
    functions = kernels.generate(made, arch)
    planned = plan(model, kernels.layers(made, functions), tuple(each.name for each in functions))
    return MachineCode(sum(len(each.code) for each in functions), len(data), planned)
