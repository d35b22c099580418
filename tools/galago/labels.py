# SPDX-License-Identifier: MIT
"""Files with the names of classes, as exporters write them.

    names = labels.read(Path("labels.txt"))               # ["cat", "cup"]
    names = labels.read(path, encoding="latin-1")         # for text that is not Unicode
    names = labels.parsed(data, "labels.txt")             # from bytes, inside a zip for example
    names, note = labels.matched(names, outputs=1001)     # one name for each output

One class per line, also numbered ("0 Daisy", as Teachable Machine writes them, or "1: Daisy"), with WordNet
ids ("n01440764 tench"), or as JSON (a list, or an object from number to name or from name to number), or as a
label map of TensorFlow's object detection (.pbtxt). UTF-8 and UTF-16 are recognised; others are asked for.
"""

import json
import re
from pathlib import Path
from typing import Any

from galago import special_files
from galago.errors import GalagoError

LARGEST = 4 << 20
"""The largest file in bytes."""
BACKGROUND = "background"
"""The class that TensorFlow's ImageNet models have before the thousand others."""
_IMAGENET = 1000

_NUMBERED = re.compile(r"(\d{1,6})(?:\s*[:,;.)\t-]\s*|\s+)(\S.*)")
_WORDNET = re.compile(r"n\d{8}\s+(\S.*)")
_ITEM = re.compile(r"item\s*\{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"(id|name|display_name)\s*:\s*(?:(\d{1,9})|\"([^\"]*)\"|'([^']*)')")


def read(path: Path, encoding: str | None = None) -> list[str]:
    """The class names of a file, in the order of the outputs. Raises GalagoError model.labels."""
    special_files.refuse(path)
    if not path.is_file():
        raise GalagoError("model.labels", f"no file {path}: pass a text file with one class per line")
    if path.stat().st_size > LARGEST:
        raise GalagoError(
            "model.labels", f"{path}: over {LARGEST:,} bytes: pass a text file with one class per line"
        )
    return parsed(path.read_bytes(), str(path), encoding)


def parsed(data: bytes, where: str, encoding: str | None = None) -> list[str]:
    """The class names in the bytes of a file; `where` is for messages. Raises GalagoError model.labels."""
    text = _decoded(data, where, encoding)
    if text.lstrip()[:1] in ("[", "{"):
        names = _from_json(text, where)
    elif _ITEM.search(text):
        names = _from_label_map(text)
    else:
        names = _from_lines(text)
    if not names:
        raise GalagoError("model.labels", f"{where}: no class names found: write one per line")
    return names


def matched(names: list[str], outputs: int, where: str = "the labels") -> tuple[list[str], str | None]:
    """One different name for each class of a model with so many outputs, and a note on what was changed.

    A single output has two classes. Raises GalagoError model.labels if the numbers do not fit.
    """
    note = None
    classes = max(outputs, 2)
    if len(names) == 1 and outputs == 1:
        names, note = [f"not {names[0]}", names[0]], f'"not {names[0]}" added as the first of two classes'
    elif len(names) == _IMAGENET and classes == _IMAGENET + 1:
        names, note = [BACKGROUND, *names], f'"{BACKGROUND}" added as class 0'
    elif len(names) == _IMAGENET + 1 and classes == _IMAGENET:
        names, note = names[1:], f'"{names[0]}" left out, since the model has no background class'
    if len(names) != classes:
        raise GalagoError(
            "model.labels",
            f"{where}: expected {classes} class names for {outputs} outputs, got {len(names)}: "
            "pass one line per output with --labels",
        )
    return unique(names), note


def unique(names: list[str]) -> list[str]:
    """The names, where one that appeared before has its number appended: ImageNet has two cranes."""
    seen: set[str] = set()
    different = []
    for index, name in enumerate(names):
        different.append(f"{name} {index}" if name in seen else name)
        seen.add(different[-1])
    return different


def numbered(outputs: int) -> list[str]:
    """Names for the classes of a model that comes without any."""
    return [f"class {index}" for index in range(max(outputs, 2))]


def _decoded(data: bytes, where: str, encoding: str | None) -> str:
    if encoding is None:
        encoding = "utf-8-sig"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            encoding = "utf-16"
        elif b"\0" in data:
            encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    try:
        return data.decode(encoding)
    except LookupError:
        raise GalagoError(
            "model.labels", f"expected --encoding utf-8, utf-16, latin-1 or the like, got {encoding}"
        ) from None
    except UnicodeDecodeError as error:
        start = data.rfind(b"\n", 0, error.start) + 1
        line = data[start:].split(b"\n", 1)[0].strip().decode("latin-1")[:40]
        raise GalagoError(
            "model.labels",
            f"{where}: not {encoding.removesuffix('-sig')} (byte {error.start}); as Latin-1 this line would "
            f"read {line!r}: add --encoding latin-1 if that is right, or save the file as UTF-8",
        ) from None


def _from_lines(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line]
    found = [_NUMBERED.fullmatch(line) for line in lines]
    numbers = [int(match[1]) for match in found if match]
    # Numbers are left out only where they count the classes: a class may be called "7 up".
    if len(numbers) == len(lines) > 0 and sorted(numbers) in (
        list(range(len(lines))),
        list(range(1, len(lines) + 1)),
    ):
        names = {int(match[1]): match[2] for match in found if match}
        return [names[number] for number in sorted(names)]
    wordnet = [_WORDNET.fullmatch(line) for line in lines]
    if lines and all(wordnet):
        return [match[1].split(",")[0] for match in wordnet if match]
    return lines


def _from_json(text: str, where: str) -> list[str]:
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GalagoError(
            "model.labels", f"{where}: not valid JSON ({error}): write one class per line"
        ) from None
    if isinstance(content, dict):
        lists = [content[key] for key in ("labels", "classes", "class_names", "names") if key in content]
        content = lists[0] if lists else content
    if isinstance(content, dict):
        content = _in_order(content)
    if not isinstance(content, list):
        content = []
    # Keras's index of ImageNet has ["n01440764", "tench"] for each class.
    names = [each[-1] if isinstance(each, list) and each else each for each in content]
    if not all(isinstance(each, str) for each in names):
        raise GalagoError(
            "model.labels", f"{where}: expected a JSON list of class names: write one class per line"
        )
    return [" ".join(str(name).split()) for name in names]


def _in_order(table: dict[str, Any]) -> list[Any]:
    """The names of an object from number to name, or from name to number."""
    if all(key.isdecimal() and len(key) < 7 for key in table):
        order = {int(key): name for key, name in table.items()}
    elif all(type(value) is int for value in table.values()):
        order = {number: name for name, number in table.items()}
    else:
        return []
    numbers = sorted(order)
    counted = numbers in (list(range(len(table))), list(range(1, len(table) + 1)))
    return [order[number] for number in numbers] if counted else []


def _from_label_map(text: str) -> list[str]:
    names: dict[int, str] = {}
    for number, item in enumerate(_ITEM.findall(text)):
        fields = {key: a or b or c for key, a, b, c in _FIELD.findall(item)}
        names[int(fields.get("id", number))] = fields.get("display_name") or fields.get("name", "")
    return [names[number] for number in sorted(names)]
