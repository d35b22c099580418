# SPDX-License-Identifier: MIT
"""galago classify --on web: an exported page's code in Node.js gives TensorFlow Lite Micro's answers."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import models
from galago.cli import app
from galago.errors import GalagoError
from galago.pictures import as_board
from galago.tflite.tflm import Tflm
from galago.transport.answers import picture_line
from galago.web.node import Node
from support.requirements import requires

MODEL = models.find("flowers-v1-025-96")


@requires("node", debian="nodejs")
def test_pictures_get_the_lines_of_a_board(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)
    large = Image.fromarray(noise).resize((240, 160))
    large.save(tmp_path / "1.jpg")
    large.save(tmp_path / "2 progressive.jpg", progressive=True)
    large.save(tmp_path / "3 ä.png")
    (tmp_path / "4.jpg").write_bytes((tmp_path / "1.jpg").read_bytes()[:900])
    (tmp_path / "5.png").write_bytes(b"no picture")
    done = CliRunner().invoke(
        app, ["classify", str(tmp_path), "--model", MODEL.name, "--on", "web", "--top", "3", "--json"]
    )
    assert done.exit_code == 1, done.output
    lines = [picture_line(json.loads(line)) for line in done.stdout.splitlines()]
    assert [(line["seq"], line["image"]) for line in lines] == [
        (seq, path.name) for seq, path in enumerate(sorted(tmp_path.iterdir()))
    ]
    assert [line["error"]["code"] for line in lines[3:]] == ["image.truncated", "image.format"]
    reference = Tflm(MODEL.tflite.read_bytes())
    for line in lines[:3]:
        scores = reference.run(as_board(tmp_path / line["image"], 96, 96))
        probabilities = MODEL.probabilities(scores.reshape(1, -1))[0]
        order = np.argsort(-probabilities, kind="stable")[:3]
        assert [each["index"] for each in line["top"]] == order.tolist()
        assert [each["confidence"] for each in line["top"]] == np.round(probabilities[order], 4).tolist()
        assert line.get("unknown", False) == (probabilities.max() < MODEL.contract["unknown_below"])


@requires("node", debian="nodejs")
def test_a_process_that_ends_is_an_error() -> None:
    with pytest.raises(GalagoError, match=r"ended without an answer \(RangeError: no memory\)"):
        Node("export const load = () => { throw new RangeError('no memory') };").__enter__()


def test_without_node_the_message_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GalagoError, match="no program node: install it"):
        Node("")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--on", "phone"], "expected --on board or web, got phone"),
        (["--on", "web", "--board", "RPI_PICO"], "uses no board: leave out --port, --board and --kernels"),
    ],
)
def test_wrong_options(options: list[str], message: str) -> None:
    with pytest.raises(GalagoError, match=message):
        CliRunner().invoke(app, ["classify", "cat.jpg", *options], catch_exceptions=False)
