# SPDX-License-Identifier: MIT
"""Machine code for 32-bit boards and damaged models: whatever loads stays within its buffers."""

from typing import Any

import numpy as np

from galago.native.verify.device import Device
from support import mutations

CORES = ("armv6m", "armv7emsp", "rv32imc")
COUNT = 60
_LONG = 300_000  # MACs; more take too long here
_LARGE = 1 << 13  # bytes


def outcome(device: Device, model: bytes) -> str:
    """Returns ok, long, or the code of the device's GalagoError; raises the host's (native.bounds …)."""
    device.runtime.forget()
    package: Any = device.load("mobilenet.tflite")
    errors: Any = device.load("mobilenet.errors")
    try:
        net = package.Interpreter(model)
    except errors.GalagoError as error:
        return error.code
    if net.macs > _LONG or len(net.arena) > 1 << 16:
        return "long"
    for seed in range(2):
        net.input[:] = np.random.default_rng(seed).integers(0, 256, len(net.input), np.uint8).tobytes()
        net.invoke()
    return "ok"


def test_kernels_stay_within_their_buffers() -> None:
    """Guard pages surround every buffer; each core gets a third of the files."""
    devices = [Device(arch, strict=True) for arch in CORES]
    seen: dict[str, int] = {}
    small = (mutant for mutant in map(mutations.mutant, range(COUNT)) if len(mutant.data) < _LARGE)
    for number, mutant in enumerate(small):
        result = outcome(devices[number % len(devices)], mutant.data)
        seen[result] = seen.get(result, 0) + 1
    assert seen["ok"] > COUNT // 10
    assert set(seen) <= {"ok", "long", "model.malformed", "model.operator", "model.quantization"}
