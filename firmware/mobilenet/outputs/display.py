# SPDX-License-Identifier: MIT
"""Shows picture, class and confidence on a display. "lcd" is the display of MaixPy's module `lcd`."""

import lcd

_WHITE, _GREEN, _GREY, _RED = 0xFFFF, 0x07E0, 0x8410, 0xF800
_LINE = 20  # pixels per line of text, spacing included
_LETTER = 8  # pixels per letter


class _Lcd:
    def __init__(self, name):
        lcd.init()
        self._wide, self._high = lcd.width(), lcd.height()

    def show(self, result):
        lcd.clear()
        if result.error:
            self._write(0, result.error.message, _RED)
            return
        lines = min(len(result.top), self._high // _LINE)
        if result.picture:
            lines = min(lines, max(1, (self._high - result.picture.height()) // _LINE))
            self._show(result)
        for place in range(lines):
            label, _, confidence = result.top[place]
            color = _GREY if result.unknown else _GREEN if place == 0 else _WHITE
            line = "%3d %% %s" % (round(100 * confidence), label)
            self._write(self._high - _LINE * (lines - place), line, color)

    def _show(self, result):
        # A picture that is upside down for the KPU is shown upright; text always is.
        lcd.rotation(2 if result.turned else 0)
        left = max(0, (self._wide - result.picture.width()) // 2)
        top = max(0, self._high - result.picture.height()) if result.turned else 0
        lcd.display(result.picture, oft=(left, top))
        lcd.rotation(0)

    def _write(self, y, text, color):
        lcd.draw_string(0, y, text[: self._wide // _LETTER], color, 0)

    def close(self):
        lcd.clear()


open = _Lcd  # noqa: A001
