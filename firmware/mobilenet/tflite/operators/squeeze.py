# SPDX-License-Identifier: MIT
"""SQUEEZE: a RESHAPE without dimensions of 1."""

from .reshape import INPUTS, KERNEL, OVERLAP, STREAMS, prepare, scratch  # noqa: F401

NEEDS = 1, 1
OPTIONS = 30
