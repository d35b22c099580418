# SPDX-License-Identifier: MIT
"""What would make a model better, in words, from how it answers.

for line in advice(scores, names, counts, size=96, wider=0.5):
    print(line)
"""

from collections.abc import Sequence

import numpy as np

from galago.evaluate import Scores

GOOD = 0.9
"""The accuracy, and the share of a class's photos recognized, from which nothing is advised."""
_GAP = 0.1  # between training photos and new ones, from which a model is said to overfit
_ENOUGH = 50  # photos of a class
_LARGER = {96: 128, 128: 160, 160: 192, 192: 224}


def advice(
    scores: Scores,
    names: Sequence[str],
    counts: Sequence[int],
    size: int,
    wider: float | None,
    options: bool = True,
) -> list[str]:
    """Returns lines of advice, the most useful first; none for a good model.

    `counts` is the number of photos of each class that were trained on, `size` the model's input in pixels,
    `wider` the next larger alpha of its architecture, if there is one.
    With `options` the lines name those of `galago train`.
    """

    def option(text: str) -> str:
        return f" ({text})" if options else ""

    lines = []
    rows = scores.by_class()
    weak = [
        (row.recall, index)
        for index, row in enumerate(rows)
        if row.recall is not None and row.photos >= 3 and row.recall < GOOD
    ]
    for recall, index in sorted(weak)[:3]:
        confusion = scores.confusion[index].copy()
        confusion[index] = 0
        taken = f", mostly taken for {names[int(np.argmax(confusion))]}" if confusion.any() else ""
        lines.append(
            f"{names[index]}: {recall:.0%} recognized{taken}: add photos of it, from other places, distances "
            f"and light (it has {counts[index]})"
        )
    few = [name for name, count in zip(names, counts, strict=True) if count < _ENOUGH]
    if few and scores.accuracy < GOOD:
        lines.append(f"{', '.join(few[:5])}: fewer than {_ENOUGH} photos; more of them help most")
    if scores.accuracy < GOOD and size in _LARGER:
        larger = _LARGER[size]
        lines.append(
            f"a larger input sees more: {larger} x {larger} pixels{option(f'--size {larger}')} take more "
            "time and memory on the board"
        )
    if scores.accuracy < GOOD and wider:
        lines.append(
            f"a wider network learns more{option(f'--alpha {wider:g}')}"
            + ("; galago fit says what still fits" if options else "")
        )
    return lines


def overfitting(trained: float, new: float) -> list[str]:
    """Returns a line if the accuracy on training photos says that a model knows them by heart, else none."""
    if trained - new < _GAP:
        return []
    return [
        f"it overfits: {trained:.0%} of the photos that it was trained on are right, {new:.0%} of new ones; "
        "more varied photos help, a longer training or a larger network does not"
    ]
