# SPDX-License-Identifier: MIT
"""The parts of main.py on the real interpreter: sequence numbers, the watchdog, and a display."""

import pytest

NUMBERS = """
from mobilenet.sequence import Sequence
path = argv[0]
numbers_used = []
for _ in range(3):
    numbers = Sequence(path)
    numbers_used += [numbers.next() for _ in range(3)]
    numbers.close()
numbers = Sequence(path)
numbers_used += [numbers.next(), numbers.next()]      # then the power fails
numbers_used.append(Sequence(path).next())
print(numbers_used)
"""

UNWRITABLE = """
from mobilenet.sequence import Sequence
numbers = Sequence(argv[0] + "/none/galago.seq")
print([numbers.next() for _ in range(3)], numbers.error.code)
"""

# The module `machine` of boards that have timer -1 only, timer 0 only, or none.
WATCHDOG = """
import sys
class machine:
    fed = []
    class WDT:
        def __init__(self, timeout):
            if timeout > 8388:
                raise ValueError("timeout too long")
            machine.fed.append(timeout)
        def feed(self):
            machine.fed.append("fed")
    class Timer:
        PERIODIC = 1
        def __init__(self, number):
            if str(number) not in argv[0].split(","):
                raise ValueError("no such timer")
        def init(self, period, mode, callback):
            machine.fed.append(period)
            callback(self)
sys.modules["machine"] = machine
from mobilenet import GalagoError
from mobilenet.watchdog import Watchdog
dog = Watchdog(4)
dog.feed()
print(dog.hold(), machine.fed)
try:
    Watchdog(10)
except GalagoError as error:
    print(error.code)
none = Watchdog(0)
none.feed()
print(none.hold())
"""

DISPLAY = """
import sys
class lcd:
    drawn = []
    @staticmethod
    def init(): pass
    @staticmethod
    def width(): return 320
    @staticmethod
    def height(): return 240
    @staticmethod
    def clear(): lcd.drawn.clear()
    @staticmethod
    def draw_string(x, y, text, color, background): lcd.drawn.append((x, y, text))
sys.modules["lcd"] = lcd
from mobilenet import GalagoError, outputs
from mobilenet.classifier import Result
shown = outputs.open("display", "lcd")
result = Result("a.png")
result.top = [("cat", 3, 0.914), ("dog", 1, 0.05)]
shown.show(result)
print(lcd.drawn)
result.error = GalagoError("image.format", "a.png: " + "x" * 100)
shown.show(result)
print(len(lcd.drawn), len(lcd.drawn[0][2]))
shown.close()
print(lcd.drawn)
"""


def test_numbers_survive_and_none_is_used_twice(micropython, tmp_path):
    used = eval(micropython(NUMBERS, tmp_path / "galago.seq"))
    assert used[:11] == list(range(11))
    assert used[11] == 9 + 256


def test_numbers_that_cannot_be_saved_are_still_used(micropython, tmp_path):
    assert micropython(UNWRITABLE, tmp_path).strip() == "[0, 1, 2] board.file"


@pytest.mark.parametrize(("timers", "held"), [("-1", True), ("0", True), ("", False)])
def test_a_watchdog_is_fed_at_the_prompt_where_there_is_a_timer(micropython, timers, held):
    result, code, none = micropython(WATCHDOG, timers).splitlines()
    fed = [4000, "fed", "fed"] + ([1000, "fed"] if held else [])
    assert result == f"{held} {fed}"
    assert (code, none) == ("config.invalid", "True")


def test_a_display_shows_classes_and_errors(micropython):
    classes, error, closed = micropython(DISPLAY).splitlines()
    assert eval(classes) == [(0, 200, " 91 % cat"), (0, 220, "  5 % dog")]  # the last lines of 240
    assert error == "1 40"  # letters of 8 pixels in 320
    assert closed == "[]"
