# SPDX-License-Identifier: MIT
"""A sample of what `make pictures` does: machine code decodes photos as the host, and survives damage."""

from collections import Counter
from pathlib import Path

import pytest
from decoding import Decoder, damaged, encoded

from galago.dataset import standard_photos


@pytest.mark.slow
def test_real_and_damaged_jpegs(tmp_path: Path) -> None:
    decoder = Decoder("armv7emsp")
    path = tmp_path / "photo.jpg"
    for number in range(0, 24, 6):  # even ones are encoded anew
        path.write_bytes(encoded(standard_photos.paths(), number))
        assert decoder.compare(path, number) == "equal", number
    counts: Counter[str] = Counter()
    for number in range(30):
        path.write_bytes(damaged(number))
        counts[decoder.survives(path)] += 1
    assert not counts["fault"]
    assert counts["decoded"] > 2
    assert counts["refused"] > 2
