# SPDX-License-Identifier: MIT
"""Damaged model.json and galago.json, derived from a number as in support/mutations.py.

damaged = text(number)      # b"m" or b"g" for the file, then the text
"""

import hashlib
import json
import random
from typing import Any

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
    table = json.loads(json.dumps(table))
    if dice.random() < 0.5:
        _change(dice, table)
        return kind + json.dumps(table, ensure_ascii=dice.random() < 0.5).encode()
    data = bytearray(json.dumps(table).encode())
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
    return kind + bytes(data)


def _change(dice: random.Random, table: dict[str, Any]) -> None:
    """Changes, removes or adds entries at any depth."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        inner: Any = table
        key = dice.choice(sorted(inner))
        while isinstance(inner[key], dict) and inner[key] and dice.random() < 0.7:
            inner = inner[key]
            key = dice.choice(sorted(inner))
        match dice.randrange(5):
            case 0:
                del inner[key]
            case 1:
                inner[dice.choice(("more", "a\nb", "", "ö"))] = dice.choice(_VALUES)
            case 2 if isinstance(inner[key], list):
                inner[key] = [*inner[key], dice.choice(_VALUES)]
            case _:
                inner[key] = dice.choice(_VALUES)
        if not table:
            return
