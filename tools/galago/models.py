# SPDX-License-Identifier: MIT
"""The model directory: the contract between the program that made a model and the one that runs it.

    model = models.find("everyday-v1-025-96")     # a shipped model's name, or a path
    model.contract["labels"], model.tflite        # verified: model.json, sizes and hashes, labels

A directory holds `model.tflite`, `model.json` and, for shipped models, CARD.md and recipe.toml. The board
checks the same contract again when it loads the model.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galago import resources
from galago.errors import GalagoError

CONTRACT = "model.json"
VERSION = 1
RESIZE_MODES = ("crop", "stretch", "pad")
LARGEST = 64 << 20  # bytes; no board holds a model of this size
LARGEST_CONTRACT = 1 << 20


@dataclass(frozen=True)
class ModelDirectory:
    """A verified model directory."""

    path: Path
    contract: dict[str, Any]
    """The content of model.json (docs/architecture.md)."""

    @classmethod
    def open(cls, path: str | Path) -> "ModelDirectory":
        """Reads and verifies a directory. Raises model.missing, model.contract, model.labels, model.hash."""
        path = Path(path)
        contract = _read_contract(path)
        _check_contract(path / CONTRACT, contract)
        model = cls(path, contract)
        for kind, entry in contract["files"].items():
            _check_file(path / entry["name"], kind, entry)
        return model

    @property
    def name(self) -> str:
        """The model's own name, which is also the directory's name on the board."""
        return self.contract["name"]

    @property
    def tflite(self) -> Path:
        """The int8 model file."""
        return self.path / self.contract["files"]["tflite"]["name"]

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the outputs."""
        return self.contract["labels"]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        entry = self.contract["input"]
        return entry["height"], entry["width"], entry["channels"]

    def golden(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields inputs, int8 [height, width, channels], and TensorFlow Lite Micro's outputs, int8 [classes].

        Raises model.hash if a pattern differs from the one that the outputs were computed for.
        """
        for entry in self.contract["golden"]:
            picture = pattern(entry["pattern"], self.input_shape)
            if hashlib.sha256(picture.tobytes()).hexdigest() != entry["input_sha256"]:
                raise GalagoError(
                    "model.hash",
                    f"{self.path / CONTRACT}: golden pattern {entry['pattern']} does not have the "
                    "expected input_sha256: build the model again",
                )
            yield picture, np.array(entry["output_int8"], np.int8)


def find(name: str | Path) -> ModelDirectory:
    """Opens a model directory by path, or a shipped model by name.

    Raises model.missing, with similar names, if there is none, and GalagoError as ModelDirectory.open does.
    """
    path = Path(name)
    if path.is_dir():
        return ModelDirectory.open(path)
    shipped = shipped_names()
    if str(name) in shipped:
        return ModelDirectory.open(resources.models_dir() / name)
    near = difflib.get_close_matches(str(name), shipped, cutoff=0.4)
    hint = f"shipped models are {', '.join(shipped) or 'none'}; galago zoo lists pretrained ones"
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    raise GalagoError("model.missing", f"no model directory or shipped model {name}: {hint}")


def shipped_names() -> list[str]:
    """The names of the models that come with Galago."""
    return sorted(p.parent.name for p in resources.models_dir().glob(f"*/{CONTRACT}"))


def write(path: str | Path, tflite: bytes, contract: dict[str, Any]) -> ModelDirectory:
    """Writes a directory with a model and its contract, which lacks `galago` and `files`, and verifies it.

    Raises GalagoError as ModelDirectory.open does; a wrong contract is never written.
    """
    path = Path(path)
    digest = hashlib.sha256(tflite).hexdigest()
    files = {"tflite": {"name": "model.tflite", "bytes": len(tflite), "sha256": digest}}
    complete = {"galago": VERSION, "name": contract["name"], **contract, "files": files}
    _check_contract(path / CONTRACT, complete)
    path.mkdir(parents=True, exist_ok=True)
    (path / "model.tflite").write_bytes(tflite)
    (path / CONTRACT).write_text(layout(complete))
    return ModelDirectory.open(path)


def pattern(number: int, shape: tuple[int, ...]) -> np.ndarray:
    """The golden input with this number, int8 of the given shape.

    0 is black, 1 white, 2 a ramp, and 3 or more are noise. A negative number, -3 or less, is the noise of its
    absolute value below a white half, for functions that depend on direction. A board computes the same
    bytes without a file: black is -128, white is 127, and byte i of the ramp is (i mod 256) - 128. Noise
    starts with x = number; each byte first advances x = (1664525 x + 1013904223) mod 2^32 (Numerical Recipes,
    2nd edition, 7.1), and is (x >> 24) - 128.
    """
    count = int(np.prod(shape))
    if number == 0:
        values = np.full(count, -128)
    elif number == 1:
        values = np.full(count, 127)
    elif number == 2:
        values = np.arange(count) % 256 - 128
    else:
        values, x = np.empty(count, np.int64), abs(number)
        for i in range(count):
            x = (1664525 * x + 1013904223) & 0xFFFFFFFF
            values[i] = (x >> 24) - 128
        if number < 0:
            values[: count // 2] = 127
    return values.astype(np.int8).reshape(shape)


def proof(number: int, scores: np.ndarray) -> dict[str, int]:
    """The answer that a runtime with its own arithmetic must give to `pattern(number)`.

    `scores` are float [classes]; the best of them is given in thousandths. The board compares it in
    mobilenet.backends.golden.prove.
    """
    best = int(scores.argmax())
    score = round(1000 * float(scores[best]))
    return {"classes": len(scores), "pattern": number, "best": best, "score": score}


def _read_contract(path: Path) -> dict[str, Any]:
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
    return " or ".join(map(repr, values)), lambda v: type(v) is not bool and v in values


# Names become paths on the board and words of its commands.
_PLAIN_NAME = (
    "a name of letters, digits, '.', '_' and '-'",
    lambda v: isinstance(v, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", v) is not None,
)
_SHA256 = (
    "64 hexadecimal digits",
    lambda v: isinstance(v, str) and re.fullmatch("[0-9a-f]{64}", v) is not None,
)
_LIST = ("a non-empty list", lambda v: isinstance(v, list) and len(v) > 0)
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
    "output.activation": _one_of("softmax"),
    "labels": _LIST,
    "unknown_below": _number(0, 1),
    "macs": _whole(1, 1 << 40),
    "arena_bytes": _whole(1, 1 << 32),
    "golden": _LIST,
}
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


def _check_contract(file: Path, contract: dict[str, Any]) -> None:
    where = str(file)
    _check_fields(where, contract, _FIELDS)
    for kind, entry in contract["files"].items():
        _check_fields(f"{where}, files.{kind}", entry, _FILE)
    labels = contract["labels"]
    for index, label in enumerate(labels):
        if not isinstance(label, str) or not label.strip() or not label.isprintable():
            raise GalagoError(
                "model.labels", f"{where}: label {index} is {str(label)[:40]!r}: expected a line of text"
            )
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise GalagoError(
            "model.labels", f"{where}: label {twice!r} appears twice: give each class its own label"
        )
    for index, entry in enumerate(contract["golden"]):
        _check_fields(f"{where}, golden {index}", entry, _GOLDEN)
        output = entry["output_int8"]
        if len(output) != len(labels):
            raise GalagoError(
                "model.labels",
                f"{where}: {len(labels)} labels, but golden {index} has {len(output)} outputs: name each",
            )
        if not all(type(v) is int and -128 <= v <= 127 for v in output):
            raise GalagoError(
                "model.contract", f"{where}, golden {index}: expected int8 outputs: build it again"
            )


def _check_file(file: Path, kind: str, entry: dict[str, Any]) -> None:
    if not file.is_file():
        raise GalagoError(
            "model.missing", f"no file {file}, the {kind} of {CONTRACT}: copy the whole directory"
        )
    size = file.stat().st_size
    if size != entry["bytes"]:
        raise GalagoError(
            "model.hash", f"{file}: expected {entry['bytes']:,} bytes, got {size:,}: copy the model again"
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise GalagoError(
            "model.hash",
            f"{file}: expected sha256 {entry['sha256'][:12]}…, got {digest[:12]}…: copy the model again",
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
