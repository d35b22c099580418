# SPDX-License-Identifier: MIT
"""CanMV on the K210: a kmodel, compiled for its KPU."""

from galago.runtimes.k210 import facts, files

__all__ = ["facts", "files"]
