# SPDX-License-Identifier: MIT
"""pytest-galago: tests of your own MicroPython programs on an emulated board behind a serial port.

    @pytest.mark.board("RPI_PICO2", files="src")
    def test_blink(emulated_board):
        assert emulated_board.exec("import blinky; print(blinky.PERIOD)") == "500\\n"

pytest loads this module in every run, so it imports nothing of Galago before a test asks for a board.
"""

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from galago.boards import BoardSpec
    from galago.emulator import EmulatedBoard
    from galago.emulator.faults import Faults

_MARK = (
    "board(id, files=None, heap=None, firmware=None, camera=None, faults=None): the board of the fixture "
    "emulated_board. `files` is a folder to copy to it, `heap` its size in bytes, `firmware` the names of "
    "groups of stand-in modules, `camera` a folder of pictures that its camera sees, `faults` a "
    "galago.emulator.faults.Faults"
)


class BoardUnderTest:
    """An emulated board that is switched on. Errors are GalagoError, with the codes of docs/errors.md."""

    def __init__(self, emulated: "EmulatedBoard") -> None:
        self._emulated = emulated

    @property
    def port(self) -> str:
        """The serial port, for any tool: mpremote, pyserial, your own."""
        return self._emulated.port

    @property
    def pins(self) -> dict[str, int]:
        """Levels (0 or 1) by pin name, of the pins that a program has set."""
        return self._emulated.pins

    @property
    def faults(self) -> "Faults":
        """Faults that happen from now on, such as `faults.noise` on the line."""
        return self._emulated.faults

    def exec(self, code: str, timeout: float = 10.0) -> str:
        """Run code and return what it printed. `timeout` is the longest silence in seconds.

        Variables are kept from one call to the next, until the board is reset. Raises GalagoError board.exec
        with the last line of the traceback.
        """
        from galago import transport

        with transport.connect(self.port) as board:
            return board.exec(code, timeout)

    def put(self, source: Path | str | bytes, path: str) -> None:
        """Write a file, or the bytes given, to a path on the board; folders are made.

        A folder is copied with all that it holds, except what begins with a dot or an underscore.
        """
        from galago import transport

        with transport.connect(self.port) as board:
            for name, data in _files(source):
                target = f"{path.rstrip('/')}/{name}" if name else path
                if "/" in target.strip("/"):
                    board.makedirs(target.rpartition("/")[0])
                board.put(data, target)

    def get(self, path: str) -> bytes:
        """The content of a file on the board."""
        from galago import transport

        with transport.connect(self.port) as board:
            return board.get(path)

    def reset(self) -> None:
        """Press the reset button. Returns when boot.py is about to run."""
        self._emulated.reset()

    def lines(self, count: int, timeout: float = 10.0) -> list[str]:
        """Press the reset button and return the first lines that boot.py and main.py print.

        Raises TimeoutError, with the lines so far, if there are fewer after `timeout` seconds of silence.
        """
        import serial

        found: list[str] = []
        with serial.Serial(self.port, timeout=timeout) as line:
            self.reset()
            while len(found) < count:
                data = line.readline()
                if not data.endswith(b"\n"):
                    raise TimeoutError(f"expected {count} lines, got {found} and {data!r}")
                found.append(data.decode(errors="replace").rstrip("\r\n"))
        return found


@pytest.fixture
def emulated_board(request: pytest.FixtureRequest) -> Generator[BoardUnderTest]:
    """An emulated board with an empty file system; the mark `board` says which, and what is on it."""
    mark = request.node.get_closest_marker("board")
    arguments, options = (mark.args, mark.kwargs) if mark else ((), {})
    with started(*arguments, **options) as board:
        yield board


class started:  # noqa: N801 - used as a function in a with statement
    """A board for a `with` statement, where a test needs several. Its arguments are those of the mark."""

    def __init__(
        self,
        id: str = "RPI_PICO2",  # noqa: A002 - as boards call it
        *,
        files: Path | str | None = None,
        heap: int | None = None,
        firmware: Sequence[str] | None = None,
        camera: Path | str | None = None,
        faults: "Faults | None" = None,
    ) -> None:
        self._spec = _board(id, heap)
        self._files, self._firmware, self._camera, self._faults = files, firmware, camera, faults
        self._stack = ExitStack()

    def __enter__(self) -> BoardUnderTest:
        from galago.emulator import EmulatedBoard
        from galago.emulator.camera import EmulatedCamera

        pictures = EmulatedCamera(Path(self._camera)) if self._camera else None
        emulated = EmulatedBoard(self._spec, firmware=self._firmware, camera=pictures, faults=self._faults)
        board = BoardUnderTest(self._stack.enter_context(emulated))
        try:
            if self._files:
                board.put(self._files, "/")
        except BaseException:
            self._stack.close()
            raise
        return board

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", _MARK)


def _board(id: str, heap: int | None) -> "BoardSpec":  # noqa: A002
    from dataclasses import replace

    from galago import boards

    spec = boards.load(id)
    return replace(spec, heap=heap) if heap else spec


def _files(source: Path | str | bytes) -> list[tuple[str, bytes]]:
    """Pairs of a path relative to `source`, or "" for a single file, and content."""
    if isinstance(source, bytes):
        return [("", source)]
    top = Path(source)
    if not top.is_dir():
        return [("", top.read_bytes())]
    names = sorted(path.relative_to(top) for path in top.rglob("*") if path.is_file())
    kept = [name for name in names if not any(part.startswith((".", "_")) for part in name.parts)]
    kept += [name for name in names if name.name == "__init__.py"]
    return [(name.as_posix(), (top / name).read_bytes()) for name in kept]
