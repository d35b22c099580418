# SPDX-License-Identifier: MIT
"""MaixPy's KPU: the K210's accelerator, with the kmodel that galago flash compiled."""

import KPU

from . import k210

TOLERANCE = None  # its pictures pass through RGB565: k210.py has a proof of its own


def supports(model):
    """None, or the reason why it cannot run this model."""
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
