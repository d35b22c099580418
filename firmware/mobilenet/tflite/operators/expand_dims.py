# SPDX-License-Identifier: MIT
"""EXPAND_DIMS: a RESHAPE with one more dimension of 1."""

from .reshape import INPUTS, KERNEL, OVERLAP, STREAMS, prepare, scratch  # noqa: F401

NEEDS = 2, 2
OPTIONS = 52
