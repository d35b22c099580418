# SPDX-License-Identifier: MIT
"""Damaged model.json, galago.json and TOML, derived from a number as in support/mutations.py.

data = text(number)                 # b"m" or b"g" for the file, then the text
data = damaged(dice, content)       # any JSON object, damaged by the numbers that the dice give
data = toml(dice, text)             # TOML, as people write it by hand
"""

import hashlib
import json
import random
from copy import deepcopy
from typing import Any

_TOML = (
    "0", "-1", "1", "2", "0.5", "-0.25", "nan", "inf", "-inf", "1e9", "1e-300", str(2**63), str(2**200),
    '""', '" "', '"../../x"', '"a\\nb"', '"a\\u0000"', '"' + "x" * 300 + '"', "[]", "[[]]", "[0]", "[1, 2]",
    "[1.0, 0.3]", "[nan, nan]", '["a"]', "{}", "{a = 1}", "[{}]", "1979-05-27", "true", "9" * 5000,
    "[" * 5000 + "]" * 5000,
)  # fmt: skip
"""Values of TOML, of which few make sense at any key."""

TFLITE = bytes(64)  # the file beside model.json

CONTRACT: dict[str, Any] = {
    "galago": 1,
    "name": "tiny",
    "files": {
        "tflite": {"name": "model.tflite", "bytes": len(TFLITE), "sha256": hashlib.sha256(TFLITE).hexdigest()}
    },
    "input": {"height": 32, "width": 24, "channels": 3, "color": "rgb", "resize": "crop"},
    "labels": ["cat", "dög", "cup"],
    "unknown_below": 0.4,
}
CONFIG: dict[str, Any] = {
    "model": "/models/tiny",
    "source": "files",
    "folder": "/pictures",
    "loop": False,
    "top": 3,
    "interval": 0.5,
}
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**64, -(10**40), 0.5, -0.0, 1e308, float("inf"), float("nan"), "",
    "x", "\n", "a\nb", "\x00", "../..", "ö" * 300, [], {}, [[]], [1, "a"], {"a": 1}, {"name": {}},
    ["cat", 3], [None],
)  # fmt: skip
_PIECES = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u12", b"\\ud800", b"nul", b"1e999", b"-", b"0x1",
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf",
    b"NaN", b"// a", b"1" * 500, b"[" * 300, b'{"a":' * 300, b" " * 4000,
    b'"' + b"a" * 3000,
)  # fmt: skip


def text(number: int) -> bytes:
    """Returns the damaged text of a number."""
    dice = random.Random(f"galago text {number}")
    kind, table = dice.choice(((b"m", CONTRACT), (b"g", CONFIG)))
    return kind + damaged(dice, table)


def damaged(dice: random.Random, content: dict[str, Any]) -> bytes:
    """Returns JSON whose values, or else whose text, is damaged."""
    table = json.loads(json.dumps(content))
    if dice.random() < 0.5:
        _change(dice, table)
        return json.dumps(table, ensure_ascii=dice.random() < 0.5).encode()
    return spoilt(dice, json.dumps(table).encode())


def spoilt(dice: random.Random, whole: bytes) -> bytes:
    """Returns text in which bytes are changed, inserted, removed or replaced."""
    data = bytearray(whole)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                data[at:at] = dice.choice(_PIECES)
            case 2:
                del data[at : at + dice.choice((1, 2, 8, 64))]
            case _:
                data[at : at + 1] = dice.choice(_PIECES)
        if not data:
            break
    return bytes(data)


def toml(dice: random.Random, whole: str) -> bytes:
    """Returns TOML in which a value, or else the text, is damaged."""
    if dice.random() < 0.3:
        return spoilt(dice, whole.encode())
    lines = whole.split("\n")
    at = dice.choice([number for number, line in enumerate(lines) if " = " in line])
    key = lines[at].partition(" = ")[0]
    lines[at] = dice.choice((f"{key} = {dice.choice(_TOML)}", "", f"{lines[at]}\n{key}_ = 1"))
    return "\n".join(lines).encode()


def _change(dice: random.Random, table: dict[str, Any]) -> None:
    """Changes, removes or adds entries at any depth."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        inner: Any = table
        key = dice.choice(sorted(inner))
        while isinstance(inner[key], dict) and inner[key] and dice.random() < 0.7:
            inner = inner[key]
            key = dice.choice(sorted(inner))
        value = deepcopy(dice.choice(_VALUES))  # since a later change may be made inside it
        match dice.randrange(5):
            case 0:
                del inner[key]
            case 1:
                inner[dice.choice(("more", "a\nb", "", "ö"))] = value
            case 2 if isinstance(inner[key], list):
                inner[key] = [*inner[key], value]
            case _:
                inner[key] = value
        if not table:
            return
