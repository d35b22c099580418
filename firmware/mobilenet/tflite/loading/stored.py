# SPDX-License-Identifier: MIT
"""Reads the plan that `galago flash` stored beside a model; planner.py takes seconds on a slow board.

    plan = stored.read("/models/everyday-v1-025-96/model.plan", digests)

The file is a line of JSON, the dict of planner.py with the entries below, then the records as little-endian
int32. It is made by this package on the host (galago.tflite.engine). Like machine code it is not checked
beyond its SHA-256 and these entries, which say for what it was made:

format    FORMAT
files     list of the SHA-256 of the .tflite and of the machine code; null where there is none
"""

import json
from array import array

from micropython import const

# Of record.toml and of the entries; tests/firmware/tflite/test_record.py says what it must be.
FORMAT = const(0x60AA)


def read(path, digests):
    """Returns the plan in a file, or None, with a line in the log, if it was made for other files.

    `digests` are the SHA-256, as hex or None, of the .tflite and of the machine code on this board.
    """
    try:
        with open(path, "rb") as file:
            facts = json.loads(file.readline())
            records = array("i", [0] * facts["size"])
            complete = file.readinto(records) == 4 * len(records)
        if complete and facts["format"] == FORMAT and facts["files"] == digests:
            return records, facts
    except (OSError, ValueError, KeyError, TypeError):
        pass
    print("plan: %s was made for other files, planning anew" % path)
    return None
