# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""From the start of the interpreter to the prompt of an emulated board; runs on MicroPython.

    micropython -X heapsize=… -i start.py OWNER_FD IMAGE_FD BLOCKS CLOCK_HZ RESET_CAUSE MODE MARK

Mounts the image, hides the host, then runs boot.py and main.py as the ports' main.c do. To the owner it says
`ready` (before boot.py) and `prompt` (the REPL is next, waits for an answer), one word a line.
"""

import sys

import _startup

_startup.run([int(argument) for argument in sys.argv[1:6]], *sys.argv[6:])
