# SPDX-License-Identifier: MIT
"""MaixPy on the K210: runs the kmodel that galago flash compiled on the KPU."""

import KPU

from . import k210

TOLERANCE = None  # pictures pass through RGB565: k210.py checks the answers in its own way


def supports(model):
    """Returns None, or the reason why it cannot run this model."""
    return k210.supports("maixpy", model)


class _Runtime(k210.Runtime):
    name = "maixpy"

    def _load(self, place, size):
        self._task = KPU.load(place)

    def _run(self, picture):
        return KPU.forward(self._task, picture)[:]

    def _unload(self):
        KPU.deinit(self._task)
        self._task = None


load = _Runtime
