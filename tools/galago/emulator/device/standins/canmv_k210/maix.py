# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportArgumentType=false, reportAssignmentType=false
"""`maix` of CanMV on the K210: its KPU, which the emulated K210 runs bit by bit."""

import _host


class KPU:
    """One model."""

    def __init__(self):
        self._number = None

    def load_kmodel(self, place, size=0):
        """Load a model from a path, or `size` bytes from an address in flash."""
        if isinstance(place, str):
            with open(place, "rb") as file:
                content = file.read()
            error, text, number = _host.call("k210_load", data=content)
        else:
            error, text, number = _host.call("k210_load_flash", place)
        if error:
            raise ValueError(f"[CANMV]kpu: load error:{error}, {text}")
        self._number = number

    def run_with_output(self, picture, getlist=False, get_feature=False):
        """Run the model on an image of its input size, after pix_to_ai(). Returns the list of scores."""
        if self._number is None or picture._planes is None:
            raise ValueError("[CANMV]kpu: check img format err!")
        size = picture.width(), picture.height()
        scores = _host.call("k210_run", self._number, size[0], size[1], data=picture._planes)
        return scores if getlist else None

    def deinit(self):
        """Unload the model."""
        if self._number is not None:
            _host.call("k210_free", self._number)
            self._number = None
