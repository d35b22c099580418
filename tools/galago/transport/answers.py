# SPDX-License-Identifier: MIT
"""What a board may answer: a form that every JSON answer is checked against before anything uses it.

    reply = json_answer(board.port, text, {"us": [int], "invoke": int})
    reply["us"]                         # a list of integers, whatever the board has sent

A form is int, float (which takes integers too, and no NaN), str or bool; a list of one form, for any number
of such values; or a dict of forms. A key that ends in "?" may be missing. An answer's other keys are dropped.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from galago.errors import GalagoError

Form = type[Any] | Sequence["Form"] | Mapping[str, "Form"]

_LARGEST = 1 << 53  # a number beyond it means nothing, and many digits take long to print
_LONGEST_MESSAGE = 1000
_SHOWN = 40  # characters of an answer in a message


def json_answer(port: str, text: str, form: Form) -> Any:
    """Return the value of a board's answer in the given form. Raises GalagoError port.corrupt otherwise."""
    try:
        return conform(json.loads(text), form)
    except (ValueError, RecursionError):
        raise GalagoError(
            "port.corrupt", f"{port}: the board's answer {text[:_SHOWN]!r} is garbled: try again"
        ) from None


def program_answer(port: str, output: str, form: Form) -> Any:
    """Return the answer on the last line that a program on the board printed, in the given form.

    Raises the error that it reports instead, or GalagoError port.corrupt.
    """
    last = (output.strip().splitlines() or [""])[-1]
    if error := reported_error(last):
        raise error
    return json_answer(port, last, form)


def conform(value: object, form: Form) -> Any:
    """Return a value with only what the form names. Raises ValueError if it does not have that form."""
    if isinstance(form, Mapping):
        if not isinstance(value, dict):
            raise ValueError("not an object")
        entries, result = cast(dict[str, object], value), {}
        for key, inner in form.items():
            name = key.removesuffix("?")
            if name in entries:
                result[name] = conform(entries[name], inner)
            elif name == key:
                raise ValueError(f"no {key}")
        return cast(dict[str, Any], result)
    if isinstance(form, Sequence):
        if not isinstance(value, list):
            raise ValueError("not a list")
        return [conform(each, form[0]) for each in cast(list[object], value)]
    allowed = (int, float) if form is float else (form,)
    if type(value) not in allowed or (isinstance(value, int | float) and not _is_sane(value)):
        raise ValueError(f"not {form.__name__}")
    return value


def _is_sane(number: float) -> bool:
    return abs(number) <= _LARGEST  # which neither NaN nor an infinity is


ERROR = {"code": str, "message": str}
"""The form of an error that the device package reports."""


def reported_error(text: str) -> GalagoError | None:
    """Return the error that a line of the device package reports (mobilenet.report.failure), if it is one."""
    try:
        error = conform(json.loads(text), {"error": ERROR})["error"]
    except (ValueError, RecursionError):
        return None
    code = error["code"] if re.fullmatch(r"[a-z0-9_.]{1,40}", error["code"]) else "board.answer"
    return GalagoError(code, error["message"][:_LONGEST_MESSAGE])


_RANKED = {"label": str, "index": int, "confidence": float}
_PICTURE: Form = {
    "seq": int,
    "image": str,
    "top?": [_RANKED],
    "unknown?": bool,
    "us?": {"read": int, "resize": int, "invoke": int},
    "error?": ERROR,
}


def picture_line(value: Any) -> dict[str, Any]:
    """Return the serial line of one picture. Raises ValueError if it is not one.

    It has either an error, or classes with a confidence of 0 to 1, and times in microseconds.
    """
    line = conform(value, _PICTURE)
    if "error" in line:
        return line
    sane = all(0 <= each["confidence"] <= 1 and each["index"] >= 0 for each in line.get("top", ()))
    if line["seq"] < 0 or not line.get("top") or not sane or min(line.get("us", {"": -1}).values()) < 0:
        raise ValueError("not the line of a picture")
    return line
