# SPDX-License-Identifier: MIT
"""A kind of attack: a context manager that yields an Attack, whose docstring says what is attacked and how.

@contextmanager
def labels(folder: Path) -> Iterator[Attack]:
    \"\"\"Files of class names: text damaged at random, read by the host\"\"\"
    yield Attack(lambda dice: refusal(lambda: ...))

An attempt draws everything from its dice, so that its number reproduces it. It raises if anything happens
that must not: any exception but GalagoError, or a message that is not one short line.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from galago.errors import GalagoError

_LONGEST = 700  # characters of a message


@dataclass(frozen=True)
class Attack:
    """What is tried again and again until the time is up."""

    attempt: Callable[[Random], int | None]
    """Tries something; returns how many inputs that were, by default one, and 0 when all is done."""
    figures: Callable[[], dict[str, str]] = dict
    """What was measured so far, for the page."""


Kind = Callable[[Path], AbstractContextManager[Attack]]
"""Opens an attack, which may keep files in the folder."""


def refusal(work: Callable[[], object]) -> str:
    """Return the code of the GalagoError that ends some work, or "ok"."""
    try:
        work()
    except GalagoError as error:
        check_message(error.message)
        return error.code
    return "ok"


def check_message(message: str) -> None:
    """Raise ValueError unless this is one line that a terminal can show."""
    if not message.isprintable() or len(message) > _LONGEST:
        raise ValueError(f"a message of {len(message)} characters, or of several lines: {message[:80]!r}")


def resident(process: int | str = "self") -> float:
    """Return the memory of a process in MB (VmRSS in proc_pid_status(5)); 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if "VmRSS" in line), 0.0)
