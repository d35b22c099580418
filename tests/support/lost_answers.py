# SPDX-License-Identifier: MIT
"""Answers of an emulated board that are lost, without a wait that a busy computer can miss.

    answers = LostAnswers(emulated, monkeypatch)
    answers.lose(1)             # of the next byte that arrives on
    board.sha256("/x")          # asks again
    assert answers.asked_again

The board prints nothing until its host asks again. Only until then does the host lose patience soon.
"""

from typing import Any

import pytest

from galago.emulator import EmulatedBoard
from galago.transport import Board
from galago.transport.timed_port import TimedPort

_FOREVER, _SOON = 1000.0, 0.5  # seconds


class LostAnswers:
    """The answers of one board. The host must be connected to it already."""

    def __init__(self, emulated: EmulatedBoard, patch: pytest.MonkeyPatch) -> None:
        self._relay, self._faults = emulated._relay, emulated.faults
        self._faults.stall = _FOREVER
        self._most = _FOREVER
        patience, interrupt = TimedPort.patience, Board.interrupt

        def ask_again(board: Board, *arguments: Any, **options: Any) -> None:
            self._most, self._faults.stall_after, self._relay._quiet_until = _FOREVER, None, 0.0
            interrupt(board, *arguments, **options)

        patch.setattr(TimedPort, "patience", lambda port, seconds: min(patience(port, seconds), self._most))
        patch.setattr(Board, "interrupt", ask_again)

    def lose(self, after: int) -> None:
        """Loses what the board prints once so many more bytes have arrived."""
        self._most, self._faults.stall_after = _SOON, self._faults.arrived + after

    @property
    def asked_again(self) -> bool:
        """Whether the host has asked again since."""
        return self._most == _FOREVER
