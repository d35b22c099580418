# SPDX-License-Identifier: MIT
"""`python -m galago` is the command `galago`."""

from galago.cli import main

main()
