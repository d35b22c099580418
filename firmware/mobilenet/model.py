# SPDX-License-Identifier: MIT
"""A verified model directory: the contract in model.json and the files that it names.

Files are verified each time a model is loaded, by the SHA-256 that the contract states or, if `galago flash`
added one, by a CRC-32: it reveals damaged flash memory and another file just as well, and takes a quarter of
the time. Flashing itself compares SHA-256.

model = Model("/models/everyday-v1-025-96")
model.labels, model.height, model.width, model.channels, model.resize
model.transform                     # pairs (multiplier, offset) of input.transform, or None for pixel - 128
model.outputs, model.activation     # number of scores, and what they are: softmax, sigmoid or logits
model.scale, model.zero_point, model.output_scale, model.output_zero_point
model.golden                        # (pattern number, array of the expected int8 scores), or None
model.file("tflite")                # path of the file, after its hash was checked; None if there is none
"""

import hashlib
import os
from array import array

from micropython import const

from . import jsonfile
from .errors import GalagoError

try:
    from binascii import crc32
except ImportError:  # a firmware without it
    crc32 = None

_BLOCK = const(1024)
_STEEPEST = const(1 << 22)  # of input.transform: 255 times it plus _FARTHEST stays below 2**31
_FARTHEST = 1 << 30  # (no const: on 32-bit boards it is not a small integer)
_LONGEST_SIDE = const(1024)  # pixels per side of an input, far beyond any board's memory


def _refuse(where, text):
    raise GalagoError("model.contract", "%s: %s: flash the model again" % (where, text))


def _need(table, key, kind, where):
    value = table.get(key)
    # bool is a subclass of int, but a contract never uses it as a number.
    if not isinstance(value, kind) or isinstance(value, bool):
        _refuse(where, "'%s' is missing or has the wrong type" % key)
    return value


def _exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def _read_contract(path):
    name = path + "/model.json"
    try:
        contract = jsonfile.load(name)
    except OSError:
        mount = path[: path.find("/", 1)]
        if path.count("/") > 2 and mount != "/flash" and not _exists(mount):
            text = "no model at %s: insert the card that holds it and reset the board, or flash it again"
            raise GalagoError("model.missing", text % path) from None
        raise GalagoError("model.missing", "no model at %s: flash one with galago flash" % path) from None
    except ValueError:
        _refuse(name, "not valid JSON")
    if not isinstance(contract, dict):
        _refuse(name, "not a JSON object")
    version = contract.get("galago")
    if version != 1:
        _refuse(name, "contract version is %s, expected 1" % jsonfile.shown(version))
    return contract


def _verify(path, entry):
    """Compares a file with what its entry in the contract states: size, and CRC-32 or SHA-256."""
    name = entry["name"]
    try:
        found = os.stat(path)[6]
    except OSError:
        raise GalagoError("model.missing", "%s is missing: flash the model again" % path) from None
    if found != entry["bytes"]:
        _differs("%s has %d bytes, expected %d" % (name, found, entry["bytes"]))
    quick = crc32 and "crc32" in entry
    sha = None if quick else hashlib.sha256()
    crc = 0
    block = bytearray(_BLOCK)
    view = memoryview(block)
    with open(path, "rb") as file:
        while True:
            count = file.readinto(block)
            if not count:
                break
            if quick:
                crc = crc32(view[:count], crc)
            else:
                sha.update(view[:count])
    if quick:
        if "%08x" % crc != entry["crc32"]:
            _differs(name + " does not match its CRC-32 in model.json")
    elif "".join("%02x" % byte for byte in sha.digest()) != entry["sha256"]:
        _differs(name + " does not match its SHA-256 in model.json")


def _differs(text):
    raise GalagoError("model.hash", text + ": flash the model again")


class Model:
    """The contract of a model directory, checked when it is opened; its files are checked when used.

    Raises GalagoError model.missing or model.contract; `file` also model.hash.
    """

    def __init__(self, path):
        path = path.rstrip("/")
        contract = _read_contract(path)
        where = path + "/model.json"
        self.path = path
        self.name = _need(contract, "name", str, where)
        shape = _need(contract, "input", dict, where)
        self.height = _need(shape, "height", int, where)
        self.width = _need(shape, "width", int, where)
        self.channels = _need(shape, "channels", int, where)
        self.resize = _need(shape, "resize", str, where)
        if not (0 < self.height <= _LONGEST_SIDE and 0 < self.width <= _LONGEST_SIDE):
            _refuse(where, "the input has %d x %d pixels, expected 1 to 1024" % (self.width, self.height))
        if self.resize not in ("crop", "stretch", "pad") or self.channels not in (1, 3):
            _refuse(
                where,
                "resize is %s with %d channels, expected crop, stretch or pad, and 1 or 3"
                % (jsonfile.shown(self.resize), self.channels),
            )
        self.labels = _need(contract, "labels", list, where)
        if not self.labels:
            _refuse(where, "'labels' is empty")
        for label in self.labels:
            if not isinstance(label, str):
                _refuse(where, "label %s is not text" % jsonfile.shown(label))
        self.unknown_below = 0
        if "unknown_below" in contract:
            self.unknown_below = _need(contract, "unknown_below", (int, float), where)
        self.transform = self._pairs(shape, where) if "transform" in shape else None
        self.activation = "softmax"
        self.scale = self.output_scale = 0.0
        self.zero_point = self.output_zero_point = 0
        if "output" in contract:
            scores = _need(contract, "output", dict, where)
            self.scale = _need(shape, "scale", (int, float), where)
            self.zero_point = _need(shape, "zero_point", int, where)
            self.output_scale = _need(scores, "scale", (int, float), where)
            self.output_zero_point = _need(scores, "zero_point", int, where)
            if "activation" in scores:
                self.activation = _need(scores, "activation", str, where)
            if self.activation not in ("softmax", "sigmoid", "logits"):
                _refuse(
                    where,
                    "activation is %s, expected softmax, sigmoid or logits" % jsonfile.shown(self.activation),
                )
        self.golden = self._golden(contract, where)
        self.outputs = len(self.golden[1]) if self.golden else len(self.labels)
        self._runtimes = _need(contract, "runtimes", dict, where) if "runtimes" in contract else {}
        self._files = files = _need(contract, "files", dict, where)
        if not files and not self._runtimes:  # (a kmodel may be elsewhere in flash)
            _refuse(where, "'files' is empty")
        for kind in files:
            entry = _need(files, kind, dict, where)
            for key, expected in (("name", str), ("bytes", int), ("sha256", str)):
                _need(entry, key, expected, where)
        self._verified = set()

    def digest(self, kind):
        """Returns the SHA-256 of the file of a kind as hex, or None if there is no such file."""
        entry = self._files.get(kind)
        return entry["sha256"] if entry else None

    def file(self, kind):
        """Returns the verified path of the file of a kind ("tflite", "kernels", "plan", "tmdl" …), or None.

        A file is verified on first use: only the chosen runtime needs its own.
        """
        entry = self._files.get(kind)
        if entry is None:
            return None
        path = self.path + "/" + entry["name"]
        if kind not in self._verified:
            _verify(path, entry)
            self._verified.add(kind)
        return path

    def runtime(self, name, key):
        """Returns a number that flashing recorded for the runtime `name`; 0 if there is none."""
        value = self._runtimes.get(name)
        value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, int) else 0

    def _pairs(self, shape, where):
        pairs = []
        for row in _need(shape, "transform", list, where):
            good = isinstance(row, list) and len(row) == 2
            if not good or not isinstance(row[0], int) or not isinstance(row[1], int):
                break
            if not (0 < row[0] <= _STEEPEST and -_FARTHEST <= row[1] <= _FARTHEST):
                break
            pairs.append(tuple(row))
        if len(pairs) != self.channels:
            _refuse(where, "'transform' is not a pair of valid integers for each channel")
        return pairs

    def _golden(self, contract, where):
        # Uses the last entry: it is noise, which reveals mistakes best.
        if "golden" not in contract:
            return None
        entries = _need(contract, "golden", list, where)
        if not entries or not isinstance(entries[-1], dict):
            _refuse(where, "'golden' is empty or invalid")
        scores = _need(entries[-1], "output_int8", list, where)
        pattern = _need(entries[-1], "pattern", int, where)
        try:
            return pattern, array("b", scores)
        except (TypeError, OverflowError, ValueError):
            _refuse(where, "'golden' is empty or invalid")
