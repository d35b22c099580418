# SPDX-License-Identifier: MIT
"""Reads a .mpy. Numbers are big-endian base 128, with the top bit set on all bytes but the last."""

from galago.errors import GalagoError
from galago.native.mpy.form import (
    ARCHITECTURES,
    STATIC_QSTRS,
    SUB_VERSION,
    VERSION,
    Code,
    Kind,
    Module,
    Special,
    item,
    uint_at,
)

_DEPTH = 64  # levels of functions in functions, or of tuples in tuples


def read(data: bytes) -> Module:
    """Reads a whole file.

    Raises GalagoError mpy.version for another version of the format and mpy.malformed for broken bytes.
    """
    reader = _Reader(data)
    magic, version, features, bits = reader.take(4)
    if magic != ord("M"):
        raise GalagoError("mpy.malformed", f"a .mpy starts with 'M', this file starts with {magic:#04x}")
    arch = features >> 2 & 0xF
    if version != VERSION or (arch and features & 3 != SUB_VERSION):
        found = f"{version}.{features & 3}" if arch else f"{version}"
        raise GalagoError(
            "mpy.version", f"expected .mpy {VERSION}.{SUB_VERSION}, got {found}: use mpy-cross 1.23 or newer"
        )
    flags = reader.uint() if features & 0x40 else 0
    n_qstrs, n_constants = reader.uint(), reader.uint()
    qstrs = tuple(reader.qstr() for _ in range(n_qstrs))
    constants = tuple(reader.constant(0) for _ in range(n_constants))
    code = reader.code(0)
    if reader.position != len(data):
        raise GalagoError("mpy.malformed", f"{len(data) - reader.position} bytes follow the end of the .mpy")
    return Module(item(ARCHITECTURES, arch, "architecture"), flags, bits, qstrs, constants, code)


class _Reader:
    """Reads the bytes in order; each method reads one item."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if self.position > len(self.data):
            raise GalagoError(
                "mpy.malformed", f"the .mpy ends after {len(self.data)} of at least {self.position} bytes"
            )
        return self.data[start : self.position]

    def uint(self) -> int:
        value, self.position = uint_at(self.data, self.position)
        return value

    def qstr(self) -> str:
        length = self.uint()
        if length & 1:
            return item(STATIC_QSTRS, length >> 1, "common string")
        return _text(self.take((length >> 1) + 1)[:-1])

    def constant(self, depth: int) -> object:
        kind = self.take(1)[0]
        if kind < 5:
            return (Special.FUNCTION_TABLE, None, False, True, ...)[kind]
        size = self.uint()
        if kind == 10:
            _check_depth(depth)
            return tuple(self.constant(depth + 1) for _ in range(size))
        data = self.take(size)
        if kind in (5, 6):  # str, bytes: a zero follows
            self.take(1)
            return _text(data) if kind == 5 else data
        number = {7: int, 8: float, 9: complex}.get(kind)
        if number is None:
            raise GalagoError("mpy.malformed", f"constant of unknown kind {kind}")
        try:
            return number(_text(data))
        except ValueError:
            raise GalagoError("mpy.malformed", f"invalid number {data[:40]!r}") from None

    def code(self, depth: int) -> Code:
        _check_depth(depth)
        head = self.uint()
        kind = Kind(head & 3)
        data = self.take(head >> 3)
        prelude = flags = arguments = signature = 0
        if kind is Kind.NATIVE:
            prelude = self.uint()
        elif kind is not Kind.BYTECODE:
            flags = self.uint()
            if flags & 0x70:  # MP_SCOPE_FLAG_VIPERRELOC, VIPERRODATA, VIPERBSS: what mpy_ld writes
                raise GalagoError(
                    "mpy.malformed", "expected a file of mpy-cross, got a native module of mpy_ld"
                )
        if kind is Kind.ASSEMBLER:
            arguments, signature = self.uint(), self.uint()
        children = tuple(self.code(depth + 1) for _ in range(self.uint())) if head & 4 else ()
        return Code(kind, data, flags, children, prelude, arguments, signature)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise GalagoError("mpy.malformed", f"a string is not UTF-8: {data[:20]!r}") from None


def _check_depth(depth: int) -> None:
    if depth > _DEPTH:
        raise GalagoError("mpy.malformed", f"more than {_DEPTH} levels of functions or tuples")
