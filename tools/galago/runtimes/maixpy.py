# SPDX-License-Identifier: MIT
"""For MaixPy on the K210: a kmodel, compiled for its KPU."""

from galago.runtimes.k210_kmodel import facts, files

__all__ = ["facts", "files"]
