# SPDX-License-Identifier: MIT
"""The program on an emulated board."""

from pathlib import Path

import pytest

from galago.errors import GalagoError

SOURCE = Path(__file__).resolve().parents[1] / "src"

pytestmark = pytest.mark.board("RPI_PICO2", files=SOURCE)


def test_it_blinks_three_times_without_a_file(emulated_board):
    assert emulated_board.exec("import blinky; print(blinky.count())") == "3\n"


def test_the_file_says_how_often(emulated_board):
    emulated_board.put(b"2", "/blinks")
    assert emulated_board.lines(2) == ["starting", "blinked 2 times"]
    assert emulated_board.pins["LED"] == 0


def test_a_pin_stays_on(emulated_board):
    emulated_board.exec("from machine import Pin; Pin('LED', Pin.OUT).on()")
    assert emulated_board.pins["LED"] == 1


def test_a_file_that_holds_no_number_is_an_error(emulated_board):
    emulated_board.put(b"many", "/blinks")
    with pytest.raises(GalagoError, match="ValueError: invalid syntax for integer"):
        emulated_board.exec("import blinky; blinky.run()")
