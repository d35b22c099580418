# SPDX-License-Identifier: MIT
"""CanMV on the K210: runs the kmodel that galago flash compiled on the KPU."""

from maix import KPU

from . import k210

TOLERANCE = None  # pictures pass through RGB565: k210.py checks the answers in its own way


def supports(model):
    """Returns None, or the reason why it cannot run this model."""
    return k210.supports("canmv_k210", model)


class _Runtime(k210.Runtime):
    name = "canmv_k210"

    def _load(self, place, size):
        self._kpu = KPU()
        self._kpu.load_kmodel(*((place, size) if size else (place,)))

    def _run(self, picture):
        return self._kpu.run_with_output(picture, getlist=True)

    def _unload(self):
        self._kpu.deinit()
        self._kpu = None


load = _Runtime
