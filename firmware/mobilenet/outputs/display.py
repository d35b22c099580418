# SPDX-License-Identifier: MIT
"""Class and confidence on a board's display. "lcd" is that of MaixPy boards, with the module of this name."""

import lcd

_WHITE, _GREEN, _GREY, _RED = 0xFFFF, 0x07E0, 0x8410, 0xF800


class _Lcd:
    def __init__(self, name):
        lcd.init()
        self._height = 20  # pixels of a line of text, with room below

    def show(self, result):
        lcd.clear()
        if result.error:
            lcd.draw_string(0, 0, result.error.message[:38], _RED, 0)
            return
        for place, (label, _, confidence) in enumerate(result.top[:10]):
            color = _GREY if result.unknown else _GREEN if place == 0 else _WHITE
            lcd.draw_string(0, place * self._height, "%3d %% %s" % (round(100 * confidence), label), color, 0)

    def close(self):
        lcd.clear()


open = _Lcd  # noqa: A001
