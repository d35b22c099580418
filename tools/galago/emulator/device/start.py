# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Runs from the start of the interpreter to the prompt of an emulated board; MicroPython code.

    micropython -X heapsize=… -i start.py OWNER_FD ROM_ADDRESS

The owner first sends the board's configuration (process.py). This program mounts the image, imports the
stand-in modules, hides the host, then runs boot.py and main.py as the ports' main.c do. It sends the owner
`ready` before boot.py and `prompt` before the REPL, one word per line, and waits for an answer to the latter.
"""

import sys

import _startup

_startup.run(int(sys.argv[1]), int(sys.argv[2]))
