# SPDX-License-Identifier: MIT
"""`media.media` of CanMV on a K230: the memory in which the camera leaves its frames."""


class MediaManager:
    """Its memory is there between init() and deinit(). In the newest firmware both do nothing."""

    _ready = False

    @staticmethod
    def init():
        """Take the memory, once. Raises RuntimeError if it is taken."""
        if MediaManager._ready:
            raise RuntimeError(
                "The VideoBuffer has been initialized!!!\nThis method can only be called once, "
                "please check your code!!!"
            )
        MediaManager._ready = True

    @staticmethod
    def deinit():
        """Give the memory back."""
        MediaManager._ready = False
