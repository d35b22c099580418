# SPDX-License-Identifier: MIT
"""Kmodel version 3, the file format that every MaixPy v1 loads.

    model = Kmodel.read(data)       # verified: all addresses are inside the file, main RAM and KPU RAM
    model.layers[0].registers.i_ch_num
    model.write() == data

A file is a header, the list of outputs, type and size of each layer, then the layers' bodies. Layers run in
order. They pass feature maps in KPU RAM (addressed in lines of 64 bytes) and arrays in one block of main RAM
(addressed in bytes).
"""

import struct
from dataclasses import dataclass

from galago.errors import GalagoError
from galago.targets.k210 import cpu_layers
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.layer import KmodelLayer, check_area

VERSION = 3
EIGHT_BIT = 1  # the only flag: weights have 8 bits
MAX_MAIN_BYTES = 6 << 20  # bytes of the chip's main RAM
_HEADER = struct.Struct("<7I")
_PAIR = struct.Struct("<2I")


@dataclass
class Kmodel:
    """A model: its layers in order, and where its outputs are in main RAM."""

    layers: list[KmodelLayer]
    outputs: list[tuple[int, int]]  # address and size in bytes
    main_bytes: int
    lowest_line: int = 0  # of KPU RAM in use; no loader needs it
    flags: int = EIGHT_BIT

    @classmethod
    def read(cls, data: bytes) -> "Kmodel":
        """Reads and verifies a file.

        Raises GalagoError model.malformed, or model.operator for unknown layers.
        """
        version, flags, arch, count, lowest_line, main_bytes, outputs = _unpack(_HEADER, data, 0, "header")
        if version != VERSION or arch != 0:
            raise GalagoError(
                "model.malformed",
                f"expected a kmodel of version {VERSION}, got {data[:4]!r}: compile it with galago compile",
            )
        if flags != EIGHT_BIT:
            raise GalagoError(
                "model.operator",
                f"kmodel flags 0x{flags:x}, expected 8-bit weights (0x1): compile it again",
            )
        if main_bytes > MAX_MAIN_BYTES or not outputs or not count:
            raise GalagoError(
                "model.malformed",
                f"{count} layers, {outputs} outputs and {main_bytes:,} bytes of main RAM, the K210 "
                f"has {MAX_MAIN_BYTES:,}: compile it again",
            )
        at = _HEADER.size
        types = _unpack_many(data, at + outputs * _PAIR.size, count)
        model = cls([], _unpack_many(data, at, outputs), main_bytes, lowest_line, flags)
        at += (outputs + count) * _PAIR.size
        for number, (code, size) in enumerate(types):
            model.layers.append(_read_layer(f"layer {number}", code, size, data, at, main_bytes))
            at += size
        if at != len(data):
            raise GalagoError(
                "model.malformed", f"{len(data) - at:,} bytes after the last layer: copy it again"
            )
        for address, size in model.outputs:
            check_area(address, size, main_bytes, "output")
        return model

    def write(self) -> bytes:
        """Returns the file, laid out as by the vendor's compiler."""
        start = _HEADER.size + (len(self.outputs) + len(self.layers)) * _PAIR.size
        bodies, at = [], start
        for layer in self.layers:
            body = layer.write(at)
            bodies.append(body + bytes(-(at + len(body)) % 8))
            at += len(bodies[-1])
        header = [
            VERSION,
            self.flags,
            0,
            len(self.layers),
            self.lowest_line,
            self.main_bytes,
            len(self.outputs),
        ]
        pairs = self.outputs + [
            (layer.code, len(body)) for layer, body in zip(self.layers, bodies, strict=True)
        ]
        return b"".join([_HEADER.pack(*header), *(_PAIR.pack(*pair) for pair in pairs), *bodies])


def _read_layer(where: str, code: int, size: int, data: bytes, at: int, main_bytes: int) -> KmodelLayer:
    if size > len(data) - at:
        raise GalagoError(
            "model.malformed",
            f"{where}: {size:,} bytes from {at:,}, the file has {len(data):,}: copy it again",
        )
    if code not in _LAYERS:
        raise GalagoError(
            "model.operator", f"{where}: unknown type {code}, expected one of {sorted(_LAYERS)}"
        )
    layer = _LAYERS[code].read(data, at, size, where)
    layer.check(main_bytes, where)
    return layer


def _unpack(form: struct.Struct, data: bytes, at: int, what: str) -> tuple:
    if at + form.size > len(data):
        raise GalagoError(
            "model.malformed", f"the kmodel ends after {len(data):,} bytes, in its {what}: copy it again"
        )
    return form.unpack_from(data, at)


def _unpack_many(data: bytes, at: int, count: int) -> list[tuple]:
    if at + count * _PAIR.size > len(data):
        raise GalagoError(
            "model.malformed",
            f"{count:,} entries after byte {at:,}, the file has {len(data):,} bytes: copy it again",
        )
    return [_PAIR.unpack_from(data, at + i * _PAIR.size) for i in range(count)]


_LAYERS: dict[int, type[KmodelLayer]] = {KpuConv.code: KpuConv} | {
    layer.code: layer
    for layer in vars(cpu_layers).values()
    if isinstance(layer, type) and issubclass(layer, KmodelLayer) and layer.code
}
