# SPDX-License-Identifier: MIT
"""MAX_POOL_2D with any window."""

from .average_pool_2d import INPUTS, NEEDS, OPTIONS, OVERLAP, STREAMS, prepare, scratch  # noqa: F401

KERNEL = "max_pool_2d"
