# SPDX-License-Identifier: MIT
"""The contents of a .mpy as objects (py/persistentcode.h, py/bc.h and py/bc0.h of MicroPython)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from galago.errors import GalagoError

_Item = TypeVar("_Item")

VERSION, SUB_VERSION = 6, 3
# Position is the number in the header: MP_NATIVE_ARCH_* in py/persistentcode.h.
ARCHITECTURES: tuple[str, ...] = (
    "none", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa",
    "xtensawin", "rv32imc", "rv64imc", "debug",
)  # fmt: skip
ARM = ("armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp")  # Thumb, each a superset of the one before
LOADED_AS = {"helium": "armv7emsp"}  # what is no architecture of MicroPython → one that its boards load
# Strings that every firmware has under the same number, so that a file holds the number alone
# (py/makeqstrdata.py, static_qstr_list). Number 0 is no string.
STATIC_QSTRS: tuple[str, ...] = (
    "", "", "__dir__", "\n", " ", "*", "/", "<module>", *"""
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
""".split())  # fmt: skip  # noqa: SIM905
# Opcodes (py/bc0.h). The upper four bits of an opcode choose how its argument is written, two bits each.
_FORMATS, _BYTE, _QSTR, _UINT = 0x3A4, 0, 1, 2
_EXTRA_BYTE = 0x9E  # no bit of this mask set: one more byte follows
_STORE_NAME, _MAKE_FUNCTION, _MAKE_FUNCTION_DEFARGS = 0x16, 0x32, 0x33


class Kind(Enum):
    """The kinds of code."""

    BYTECODE = 0
    NATIVE = 1  # @micropython.native: machine code with a prelude
    VIPER = 2
    ASSEMBLER = 3  # @micropython.asm_thumb and the like


class Special(Enum):
    """Constant objects that stand for a part of the firmware."""

    FUNCTION_TABLE = 0  # mp_fun_table: how native code reaches the runtime


@dataclass(frozen=True)
class Code:
    """One function: its bytes, and the functions that it defines."""

    kind: Kind
    data: bytes
    flags: int  # MP_SCOPE_FLAG_*; 0 for bytecode, whose prelude holds them
    children: "tuple[Code, ...]"
    prelude: int = 0  # NATIVE: where in `data` the prelude begins
    arguments: int = 0  # ASSEMBLER: how many
    signature: int = 0  # ASSEMBLER: MP_NATIVE_TYPE_* of the result and arguments, four bits each


@dataclass(frozen=True)
class Module:
    """A whole file. `code` is the module's own body, which defines the functions."""

    arch: str
    arch_flags: int
    small_int_bits: int
    qstrs: tuple[str, ...]
    constants: tuple[object, ...]
    code: Code

    def functions(self) -> dict[str, Code]:
        """The functions that the module's body defines, by name (`def` at the top level, any emitter)."""
        found: dict[str, Code] = {}
        defined = None
        for opcode, argument in _opcodes(self.code.data):
            if opcode in (_MAKE_FUNCTION, _MAKE_FUNCTION_DEFARGS):
                defined = item(self.code.children, argument, "function")
            elif opcode == _STORE_NAME and defined:
                found[item(self.qstrs, argument, "string")] = defined
                defined = None
        return found


def _opcodes(bytecode: bytes) -> Iterator[tuple[int, int]]:
    """The opcodes of a function's bytecode with their arguments (0 if there is none)."""
    at = 0
    while bytecode[at : at + 1] >= b"\x80":  # the signature: bits of six numbers interleaved
        at += 1
    at += 1
    # The sizes of source information and closure cells, interleaved as xIIIIIIC, are to be skipped.
    info = cells = shift = 0
    while True:
        byte = item(bytecode, at, "byte")
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
            argument, at = uint_at(bytecode, at)
        elif form != _BYTE:  # a jump: one or two bytes
            at += 2 if item(bytecode, at, "byte") & 0x80 else 1
        if not opcode & _EXTRA_BYTE:
            at += 1
        yield opcode, argument


def uint_at(data: bytes, at: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    value = 0
    while True:
        byte = item(data, at, "byte")
        at += 1
        value = value << 7 | byte & 0x7F
        if value >> 32:
            raise GalagoError("mpy.malformed", "a number of more than 32 bits")
        if byte < 0x80:
            return value, at


def item(items: Sequence[_Item], index: int, what: str) -> _Item:
    """One of `items`; GalagoError mpy.malformed, which calls it `what`, if it does not exist."""
    if index >= len(items):
        raise GalagoError("mpy.malformed", f"{what} {index} is used, but there are only {len(items)}")
    return items[index]
