# SPDX-License-Identifier: MIT
"""The answers of another place of computation beside int8's: as ranked classes, which is what lines have.

agreement = Agreement.of(answers, expected)     # expected: probabilities [n, classes]
agreement.differ                                # the photos with another answer
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from galago.errors import GalagoError

TOP = 20
"""The best classes of each picture, which are compared."""
Ranked = list[tuple[int, float]]
"""Classes with their probabilities, best first."""
_PRINTED = 1e-4  # serial lines have four digits


def ranked(answer: np.ndarray, top: int) -> Ranked:
    """Returns the `top` best classes of an answer, float [classes], with their probabilities, best first.

    Of equal probabilities the lower class number comes first.
    """
    order = np.argsort(-answer, kind="stable")[:top]
    return [(int(i), float(answer[i])) for i in order]


def _same(one: Ranked, other: Ranked) -> bool:
    return [i for i, _ in one] == [i for i, _ in other] and all(
        abs(a - b) <= _PRINTED for (_, a), (_, b) in zip(one, other, strict=True)
    )


@dataclass(frozen=True)
class Agreement:
    """How far a board's answers agree with the host's int8."""

    differ: list[int]
    """Positions of the photos whose ranked answers differ in anything."""
    same: int
    """Number of photos with the same best class."""
    worst: int
    """Largest difference of a probability, in steps of 1/256."""

    @classmethod
    def of(cls, answers: list[Ranked], expected: np.ndarray) -> "Agreement":
        """Compares ranked answers, as from `board_answers`, with probabilities [n, classes]."""
        pairs = list(zip(answers, expected, strict=True))
        best = [ranked(row, len(answer)) for answer, row in pairs]
        return cls(
            differ=[index for index, answer in enumerate(answers) if not _same(answer, best[index])],
            same=sum(answer[0][0] == top[0][0] for answer, top in zip(answers, best, strict=True)),
            worst=round(256 * max((abs(p - row[index]) for a, row in pairs for index, p in a), default=0)),
        )


def dense(answers: Sequence[Ranked], classes: int) -> np.ndarray:
    """Ranked answers as probabilities, float [n, classes], 0 for classes that are not among them."""
    table = np.zeros((len(answers), classes))
    for row, answer in zip(table, answers, strict=True):
        for index, probability in answer:
            row[index] = probability
    return table


def answers_of(lines: Iterable[dict[str, Any]]) -> Iterator[tuple[int, Ranked]]:
    """Yields the position and the ranked answer of each serial line. Raises the error that a line reports."""
    for line in lines:
        if "error" in line:
            raise GalagoError(line["error"]["code"], line["error"]["message"])
        yield line["seq"], [(entry["index"], entry["confidence"]) for entry in line["top"]]


def picture_file(path: Path, inputs: np.ndarray) -> Path:
    """Writes int8 = pixel - 128 [h, w, c] as a PPM or PGM picture."""
    pixels = inputs.view(np.uint8) ^ 128
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).save(path)
    return path
