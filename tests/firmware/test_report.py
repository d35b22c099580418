# SPDX-License-Identifier: MIT
"""Serial lines on the real interpreter are the JSON of docs/architecture.md."""

import json

LINES = """
from mobilenet import GalagoError, report
from mobilenet.classifier import Result
result = Result('naïve "cat"\\n.png')
result.top = [('cät', 3, 0.91796875), ('dog', 1, 0.0)]
result.us = {"invoke": 3, "resize": 2, "read": 1}
print(report.line(7, result))
result.unknown = True
print(report.line(8, result))
result.error = GalagoError("image.truncated", 'x.jpg: "ends"')
print(report.line(9, result))
print(report.failure(result.error))
"""


def test_lines_are_json_in_a_fixed_order(micropython):
    text = micropython(LINES).splitlines()
    good, unknown, bad, failure = map(json.loads, text)
    assert list(good) == ["seq", "image", "top", "us"]
    assert good["image"] == 'naïve "cat"\n.png'
    assert good["top"] == [
        {"label": "cät", "index": 3, "confidence": 0.918},
        {"label": "dog", "index": 1, "confidence": 0.0},
    ]
    assert list(good["us"].items()) == [("read", 1), ("resize", 2), ("invoke", 3)]
    assert unknown["unknown"] is True
    assert bad == {
        "seq": 9,
        "image": 'naïve "cat"\n.png',
        "error": {"code": "image.truncated", "message": 'x.jpg: "ends"'},
    }
    assert failure == {"error": bad["error"]}
