# SPDX-License-Identifier: MIT
"""main.py of a board with the small form: it runs what galago.json names."""

try:
    from mobilenet import core

    core.run()
except ImportError as error:
    text = str(error).replace('"', "'")
    print('{"error": {"code": "board.file", "message": "%s: flash the board again"}}' % text)
except MemoryError as error:
    print('{"error": {"code": "memory.heap", "message": "%s: flash a smaller model"}}' % error)
