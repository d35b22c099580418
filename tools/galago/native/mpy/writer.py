# SPDX-License-Identifier: MIT
"""Writes a .mpy, the inverse of reader.py."""

from typing import cast

from galago.native.mpy.form import (
    ARCHITECTURES,
    STATIC_QSTRS,
    SUB_VERSION,
    VERSION,
    Code,
    Kind,
    Module,
    Special,
)

_STATIC = {text: number for number, text in enumerate(STATIC_QSTRS) if number}


def write(module: Module) -> bytes:
    """The file that `read` reads as this module. A file of mpy-cross comes out unchanged."""
    arch = ARCHITECTURES.index(module.arch)
    features = arch << 2 | (SUB_VERSION if arch else 0) | (0x40 if module.arch_flags else 0)
    parts = [bytes((ord("M"), VERSION, features, module.small_int_bits))]
    if module.arch_flags:
        parts.append(_number(module.arch_flags))
    parts += [_number(len(module.qstrs)), _number(len(module.constants))]
    for text in module.qstrs:
        if text in _STATIC:
            parts.append(_number(_STATIC[text] << 1 | 1))
        else:
            parts += [_number(len(text.encode()) << 1), text.encode(), b"\0"]
    parts += [_constant(value) for value in module.constants]
    return b"".join([*parts, _code(module.code)])


def _constant(value: object) -> bytes:
    for kind, special in enumerate((Special.FUNCTION_TABLE, None, False, True, ...)):
        if value is special:
            return bytes((kind,))
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return b"".join([bytes((10,)), _number(len(items)), *map(_constant, items)])
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        return bytes((5 if isinstance(value, str) else 6,)) + _number(len(data)) + data + b"\0"
    text = str(value).strip("()").encode()
    return bytes(({int: 7, float: 8, complex: 9}[type(value)],)) + _number(len(text)) + text  # type: ignore[index]


def _code(code: Code) -> bytes:
    parts = [_number(len(code.data) << 3 | bool(code.children) << 2 | code.kind.value), code.data]
    if code.kind is Kind.NATIVE:
        parts.append(_number(code.prelude))
    elif code.kind is not Kind.BYTECODE:
        parts.append(_number(code.flags))
    if code.kind is Kind.ASSEMBLER:
        parts += [_number(code.arguments), _number(code.signature)]
    if code.children:
        parts += [_number(len(code.children)), *map(_code, code.children)]
    return b"".join(parts)


def _number(value: int) -> bytes:
    """Big-endian base 128, the top bit set on all bytes but the last."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))
