# SPDX-License-Identifier: MIT
"""Edge Impulse's MobileNetV2 compiles, whose head is a dense layer at each position of the map."""

from pathlib import Path

import numpy as np
import pytest
from kmodel_runs import logits

from galago import importer
from galago.errors import GalagoError
from galago.targets.k210.compiler import compile_model
from support import exported

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("ends", "batch"), [("int8", 1), ("float32", None)])
def test_edge_impulses_mobilenetv2_answers_as_tflm(ends: str, batch: int | None, tmp_path: Path) -> None:
    """Also as Keras converts it: the batch is open, and operators compute shapes around the dense layer."""
    from galago import lazy_tensorflow

    model = exported.edge_impulse(lazy_tensorflow.keras(), batch)
    (tmp_path / "trained.tflite").write_bytes(exported.tflite(model, ends))
    data = importer.integer_tflite(tmp_path / "trained.tflite")
    compiled = compile_model(data)
    assert compiled.rotated, "so the order of the positions is checked, too"
    for pixels in exported.pixels(3, seed=8):
        got, expected = logits(data, compiled, (pixels ^ 128).view(np.int8))
        assert expected.std() > 5
        assert np.array_equal(got, expected)
    with pytest.raises(GalagoError, match="at each position: compile with --head kpu"):
        compile_model(data, "cpu")
