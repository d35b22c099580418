# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""From the start of the interpreter to the prompt of an emulated board; runs on MicroPython.

    micropython -X heapsize=… -i start.py OWNER_FD ROM_ADDRESS

The owner says first what board to be (process.py). Mounts the image, imports the stand-in modules, hides the
host, then runs boot.py and main.py as the ports' main.c do. To the owner it says
`ready` (before boot.py) and `prompt` (the REPL is next, waits for an answer), one word a line.
"""

import sys

import _startup

_startup.run(int(sys.argv[1]), int(sys.argv[2]))
