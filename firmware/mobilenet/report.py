# SPDX-License-Identifier: MIT
"""Serial lines: one JSON object per line, the same on every board.

    {"start": {"seq": 0, "model": "everyday-v1-025-96", "backend": "builtin", …}}
    {"seq": 0, "image": "a.png", "top": [{"label": "cat", "index": 3, "confidence": 0.91}], "us": {…}}
    {"seq": 1, "image": "b.jpg", "error": {"code": "image.truncated", "message": "…"}}

Lines are formatted by hand: a MicroPython dict has no order, and people read these lines too.
"""

import json


def _error(error):
    return '"error": {"code": %s, "message": %s}' % (json.dumps(error.code), json.dumps(error.message))


def line(seq, result):
    """Returns the serial line of a Result; `seq` is the number of the picture."""
    start = '{"seq": %d, "image": %s, ' % (seq, json.dumps(result.image))
    if result.error:
        return start + _error(result.error) + "}"
    # Four digits print alike on boards with single and with double floats.
    top = ", ".join(
        '{"label": %s, "index": %d, "confidence": %.4f}' % (json.dumps(label), index, confidence)
        for label, index, confidence in result.top
    )
    unknown = '"unknown": true, ' if result.unknown else ""
    us = ", ".join('"%s": %d' % (part, result.us[part]) for part in ("read", "resize", "invoke"))
    return '%s"top": [%s], %s"us": {%s}}' % (start, top, unknown, us)


def start(seq, classifier, source):
    """Returns the line before the first picture: the next sequence number, model, backend and source."""
    model = classifier.model
    return '{"start": {"seq": %d, "model": %s, "backend": %s, "source": "%s", %s}}' % (
        seq,
        json.dumps(model.name),
        json.dumps(classifier.backend),
        source,
        '"input": [%d, %d, %d], "resize": "%s"' % (model.height, model.width, model.channels, model.resize),
    )


def sealed(text):
    """Returns a line with the CRC-32 of its text appended, which `galago monitor` checks.

    Firmware without `binascii.crc32` sends the line as it is.
    """
    try:
        from binascii import crc32
    except ImportError:
        return text
    return '%s, "crc": "%08x"}' % (text[:-1], crc32(text[:-1].encode()))


def failure(error):
    """Returns the serial line of an error that belongs to no picture."""
    return "{" + _error(error) + "}"
