# SPDX-License-Identifier: MIT
"""Runs blinky at every start."""

import blinky

print("starting")
blinky.run()
