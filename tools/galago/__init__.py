# SPDX-License-Identifier: MIT
"""Galago: image classifiers for single-chip boards under MicroPython. The command is `galago`."""

__version__ = "0.1.0"
