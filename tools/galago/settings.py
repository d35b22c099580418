# SPDX-License-Identifier: MIT
"""galago.json on the host: checked by the file that checks it on the board, firmware/mobilenet/settings.py.

settings.check(content)                                  # raises GalagoError config.invalid
settings.changed(content, ["source=camera", "camera.frame=QVGA", "led="])
settings.differences(old, new)                           # ["source: files → camera", …]
"""

import copy
import functools
import importlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from galago.errors import GalagoError
from galago.resources import firmware_dir

_PACKAGE = "galago_device"  # the device package's name here: a board's programs call it `mobilenet`


def check(content: Any) -> None:
    """Raise GalagoError config.invalid if a board would refuse this content of galago.json."""
    complete(content)


def complete(content: Any, pictures: str = "/pictures") -> dict[str, Any]:
    """Return the content with the defaults that a board fills in. Raises GalagoError config.invalid."""
    try:
        return _schema().complete(content, pictures)
    except ValueError as error:
        raise GalagoError("config.invalid", f"galago.json: {error}") from None


def changed(content: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return a copy with each KEY=VALUE applied; KEY= returns to the default, a dot leads into an object.

    Values are JSON, or text where that is what the key takes. Raises GalagoError usage or config.invalid.
    """
    new = copy.deepcopy(content)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise GalagoError("usage", f"expected KEY=VALUE, got {assignment!r}: for example source=camera")
        new = _assigned(new, key.split("."), text)
    check(new)
    return new


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return a line `key: old → new` for each key whose value differs; `default` stands for no value."""
    before, after = _flat(old), _flat(new)
    return [
        f"{key}: {before.get(key, 'default')} → {after.get(key, 'default')}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def _assigned(content: dict[str, Any], path: list[str], text: str) -> dict[str, Any]:
    problem = None
    for value in _readings(text):
        new = copy.deepcopy(content)
        place = new
        for name in path[:-1]:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise GalagoError("config.invalid", f"galago.json: {name} has no keys: use {name}=VALUE")
        if text:
            place[path[-1]] = value
        else:
            place.pop(path[-1], None)
        try:
            check(new)
        except GalagoError as error:
            problem = problem or error
            continue
        return new
    assert problem
    raise problem


def _readings(text: str) -> list[Any]:
    """Return what the text of a value can mean: JSON first, then itself."""
    try:
        return [json.loads(text), text]
    except (ValueError, RecursionError):
        return [text]


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value if isinstance(value, str) and value else json.dumps(value)
    return found


@functools.cache
def _schema() -> ModuleType:
    """Import the board's own file, under a name that hides nothing."""
    folder = firmware_dir() / "mobilenet"
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    spec.loader.exec_module(package)
    return importlib.import_module(f"{_PACKAGE}.settings")
