# SPDX-License-Identifier: MIT
"""What a board is, what runs on it, what is wrong, and how to fix it.

    report = Report()
    host_check.examine(report, "/dev/ttyACM0")
    with transport.connect("/dev/ttyACM0") as board:
        board_check.examine(report, board)
    report.facts, report.problems

Nothing on the board is changed.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from galago.errors import GalagoError


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and what to do about it."""

    what: str
    fix: str


@dataclass
class Report:
    """The findings: facts by heading, each a value or a line of text, and the problems.

    `port`, `model` and `to` complete the commands in the fixes.
    """

    port: str = "PORT"
    model: str = "MODEL"
    to: str = ""
    """Where the card is mounted that holds the model."""
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def fact(self, heading: str, name: str, value: Any) -> None:
        """Add a fact."""
        self.facts.setdefault(heading, {})[name] = value

    @property
    def flash(self) -> str:
        """How to install the model again: a command, unless the user has a button for it."""
        return f"galago flash {self.model} --port {self.port}{f' --to {self.to}' if self.to else ''}"

    @property
    def micropython(self) -> str:
        """How to install another MicroPython."""
        return f"{self.flash} --micropython IMAGE, with an image from micropython.org/download"

    def problem(self, what: str, fix: str) -> None:
        """Add a problem: what is wrong, and how to fix it."""
        self.problems.append(Problem(what, fix))

    def failure(self, error: GalagoError) -> None:
        """Add an error that ended the examination; its message ends with what to do."""
        what, _, fix = error.message.rpartition(": ")
        self.problem(what or error.message, fix if what else "run galago doctor again once that is done")

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a dict for JSON."""
        return {"facts": self.facts, "problems": [asdict(problem) for problem in self.problems]}
