# SPDX-License-Identifier: MIT
"""model.json: reading it, checking that every field is valid, and writing it.

contract = read(directory)
check(directory / CONTRACT, contract)
text = layout(contract)
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galago.errors import GalagoError

CONTRACT = "model.json"
VERSION = 1
RESIZE_MODES = ("crop", "stretch", "pad")
LARGEST = 64 << 20
"""The largest .tflite in bytes; no board holds a larger one."""
LARGEST_CONTRACT = 1 << 20
"""The largest model.json in bytes."""
_MOST = 25_000  # classes: the largest public classifier has 21,841, ImageNet-21k's


def read(path: Path) -> dict[str, Any]:
    """The content of a directory's model.json, not yet checked. Raises model.missing or model.contract."""
    if not path.is_dir():
        raise GalagoError("model.missing", f"no model directory {path}: make one with galago quantize")
    file = path / CONTRACT
    if not file.is_file():
        raise GalagoError("model.missing", f"{path} has no {CONTRACT}: make the model with galago quantize")
    if file.stat().st_size > LARGEST_CONTRACT:
        raise GalagoError(
            "model.contract", f"{file} is over {LARGEST_CONTRACT:,} bytes: build the model again"
        )
    try:
        contract = json.loads(file.read_bytes())
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: not JSON, not UTF-8, or a number of 5,000 digits
        raise GalagoError("model.contract", f"{file} is not JSON ({error}): build the model again") from None
    if not isinstance(contract, dict):
        raise GalagoError(
            "model.contract", f"{file}: expected an object, got {type(contract).__name__}: build it again"
        )
    return contract


def _whole(low: int, high: int) -> tuple[str, Callable[[Any], bool]]:
    return f"a whole number {low} to {high}", lambda v: type(v) is int and low <= v <= high


def _number(low: float, high: float) -> tuple[str, Callable[[Any], bool]]:
    return f"a number {low:g} to {high:g}", lambda v: type(v) in (int, float) and low <= v <= high


def _one_of(*values: Any) -> tuple[str, Callable[[Any], bool]]:
    # By type too: True and 1.0 equal 1, and a board refuses them.
    return " or ".join(map(repr, values)), lambda v: (type(v), v) in [(type(each), each) for each in values]


# Names become paths on the board and words of its commands.
_PLAIN_NAME = (
    "a name of letters, digits, '.', '_' and '-'",
    lambda v: isinstance(v, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", v) is not None,
)
_SHA256 = (
    "64 hexadecimal digits",
    lambda v: isinstance(v, str) and re.fullmatch("[0-9a-f]{64}", v) is not None,
)
_LIST = (
    f"a list of 1 to {_MOST:,} entries",
    lambda v: isinstance(v, list) and 0 < len(v) <= _MOST,
)
_TABLE = ("an object", lambda v: isinstance(v, dict))

# The valid values of each field; a dotted key is a field of an object.
_FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "galago": _one_of(VERSION),
    "name": _PLAIN_NAME,
    "files": _TABLE,
    "files.tflite": _TABLE,
    "input": _TABLE,
    "input.height": _whole(1, 1024),
    "input.width": _whole(1, 1024),
    "input.channels": _one_of(1, 3),
    "input.color": _one_of("rgb", "grey"),
    "input.resize": _one_of(*RESIZE_MODES),
    "input.scale": _number(1e-9, 1e9),
    "input.zero_point": _whole(-128, 127),
    "output": _TABLE,
    "output.scale": _number(1e-9, 1e9),
    "output.zero_point": _whole(-128, 127),
    "output.activation": _one_of("softmax", "sigmoid", "logits"),
    "labels": _LIST,
    "unknown_below": _number(0, 1),
    "macs": _whole(1, 1 << 40),
    "arena_bytes": _whole(1, 1 << 32),
    "golden": _LIST,
}
# A transform of one colour (galago.models.transform): multiplier and offset.
_MULTIPLIER, _OFFSET = _whole(1, 1 << 22), _whole(-(1 << 30), 1 << 30)
_FILE = {"name": _PLAIN_NAME, "bytes": _whole(1, LARGEST), "sha256": _SHA256}
_GOLDEN = {"pattern": _whole(0, 1 << 31), "input_sha256": _SHA256, "output_int8": _LIST}


def _check_fields(where: str, table: Any, fields: dict[str, tuple[str, Callable[[Any], bool]]]) -> None:
    for key, (expected, is_valid) in fields.items():
        value: Any = table
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise GalagoError(
                    "model.contract", f"{where}: expected {key}, {expected}, got nothing: build it again"
                )
            value = value[part]
        if not is_valid(value):
            got = json.dumps(value)
            got = got if len(got) <= 40 else f"{got[:37]}..."
            raise GalagoError(
                "model.contract", f"{where}: expected {key} to be {expected}, got {got}: build it again"
            )


def check(file: Path, contract: dict[str, Any]) -> None:
    """Raises model.contract or model.labels for a missing or invalid field; `file` is for the message."""
    where = str(file)
    _check_fields(where, contract, _FIELDS)
    for kind, entry in contract["files"].items():
        _check_fields(f"{where}, files.{kind}", entry, _FILE)
    _check_transform(where, contract["input"])
    labels = contract["labels"]
    for index, label in enumerate(labels):
        if not isinstance(label, str) or not label.strip() or not label.isprintable():
            raise GalagoError(
                "model.labels", f"{where}: label {index} is {str(label)[:40]!r}: expected a line of text"
            )
    if len(set(labels)) < len(labels):
        twice = Counter(labels).most_common(1)[0][0]
        raise GalagoError(
            "model.labels", f"{where}: label {twice!r} appears twice: give each class its own label"
        )
    for index, entry in enumerate(contract["golden"]):
        _check_fields(f"{where}, golden {index}", entry, _GOLDEN)
        output = entry["output_int8"]
        # One output that is not a softmax tells two classes apart.
        two_of_one = (len(labels), len(output)) == (2, 1) and contract["output"]["activation"] != "softmax"
        if len(output) != len(labels) and not two_of_one:
            raise GalagoError(
                "model.labels",
                f"{where}: {len(labels)} labels, but golden {index} has {len(output)} outputs: label each",
            )
        if not all(type(v) is int and -128 <= v <= 127 for v in output):
            raise GalagoError(
                "model.contract", f"{where}, golden {index}: expected int8 outputs: build it again"
            )


def _check_transform(where: str, picture: dict[str, Any]) -> None:
    rows = picture.get("transform", [[1, 0]] * picture["channels"])
    right = isinstance(rows, list) and len(rows) == picture["channels"]
    if not right or not all(
        isinstance(row, list) and len(row) == 2 and _MULTIPLIER[1](row[0]) and _OFFSET[1](row[1])
        for row in rows
    ):
        raise GalagoError(
            "model.contract",
            f"{where}: expected input.transform to be a list [multiplier, offset] for each channel, with "
            f"{_MULTIPLIER[0]} and {_OFFSET[0]}: build it again",
        )


def layout(contract: dict[str, Any]) -> str:
    """The contract as JSON with a line per field and per golden entry, so that versions compare well."""
    lines = []
    for key, value in contract.items():
        if key == "golden":
            rows = ",\n".join(f"    {json.dumps(row)}" for row in value)
            lines.append(f'  "golden": [\n{rows}\n  ]')
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
