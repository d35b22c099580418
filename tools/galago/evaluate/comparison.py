# SPDX-License-Identifier: MIT
"""A place that should compute what int8 is, beside int8: a board, or the code of an exported page.

comparison = Comparison(model, inputs, expected, names)
comparison.on_board(board, "an emulated RPI_PICO2", backends)       # or on_web()
comparison.probabilities                # its answers
comparison.table["differ"]              # on how many photos they are other than int8's
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from galago import runtimes
from galago.evaluate import on_board, on_web
from galago.evaluate.agreement import Agreement, Ranked, dense
from galago.models import ModelDirectory
from galago.transport import Board
from galago.web import export
from galago.web.node import Node


@dataclass
class Comparison:
    """One place and its answers."""

    model: ModelDirectory
    inputs: np.ndarray
    """int8 = pixel - 128 [photos, height, width, channels]."""
    expected: np.ndarray
    """The probabilities of int8 [photos, classes]."""
    names: list[str]
    """The photos' names."""
    advance: Callable[[], None] = lambda: None
    """Called after each photo."""
    table: dict[str, Any] = field(default_factory=dict)
    """For JSON: the place, its runtime, and how far it agrees with int8."""
    answers: list[Ranked] = field(default_factory=list)

    @property
    def probabilities(self) -> np.ndarray:
        """The answers, float [photos, classes]."""
        return dense(self.answers, self.expected.shape[1])

    def on_board(
        self,
        board: Board,
        place: str,
        backends: Sequence[str] | None,
        warn: Callable[[str], None] = print,
    ) -> None:
        """Run all inputs on a board; `warn` gets the reasons why runtimes of `backends` were not used."""
        logs: list[str] = []
        self._run(on_board.board_answers(board, self.model, self.inputs, backends, logs.append))
        runtime = "builtin"
        for text in logs:
            if text.startswith("runs on "):
                runtime = text.removeprefix("runs on ")
            else:
                warn(text)

        def first(picture: np.ndarray) -> str | None:
            return on_board.first_difference(board, self.model, picture) if runtime == "builtin" else None

        self._compare(place, runtime, first, runtime in runtimes.EXACT)

    def on_web(self) -> None:
        """Run all inputs through the code of an exported page."""
        with Node(export.script(self.model)) as node:
            self._run(on_web.web_answers(node, self.model, self.inputs))
            self._compare(
                f"Node.js {node.version}",
                "web",
                lambda picture: on_web.first_difference(node, self.model, picture),
                exact=True,
            )

    def _run(self, answers: Iterator[tuple[int, Ranked]]) -> None:
        for _, answer in answers:
            self.answers.append(answer)
            self.advance()

    def _compare(
        self, place: str, runtime: str, first: Callable[[np.ndarray], str | None], exact: bool
    ) -> None:
        """Fills the table; `first` names the first tensor of an input that differs."""
        agreement = Agreement.of(self.answers, self.expected)
        located = None
        if agreement.differ and exact:
            photo = agreement.differ[0]
            tensor = first(self.inputs[photo]) or f"none: the difference is {runtime}'s own"
            located = {"photo": self.names[photo], "tensor": tensor}
        self.table = {
            "place": place,
            "runtime": runtime,
            "photos": len(self.inputs),
            "differ": len(agreement.differ),
            "same_best_class": agreement.same,
            "worst_of_256": agreement.worst,
            "first": located,
        }
