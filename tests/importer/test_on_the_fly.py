# SPDX-License-Identifier: MIT
"""Every verb that takes a model takes a file of another program, and imports it once."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import boards
from galago.cli import app
from galago.emulator import EmulatedBoard
from support.builder import Builder
from support.caches import own_cache

LABELS = ["cat", "cup"]


def classifier() -> bytes:
    """A convolution, a mean, a dense layer and a softmax: what the K210 takes too."""
    random = np.random.default_rng(1)
    graph = Builder((1, 8, 8, 3), scale=1 / 255, zero=-128)
    kernel = random.integers(-90, 90, (8, 3, 3, 3)).astype(np.int8)
    x = graph.conv(graph.input, kernel, None, [0.01] * 8, stride=(2, 2), out=(0.05, -4))
    weights = random.integers(-90, 90, (2, 8)).astype(np.int8)
    x = graph.dense(graph.mean(x, out=(0.02, 0)), weights, None, [0.05], out=(0.04, 3))
    return graph.finish(graph.softmax(x))


@pytest.mark.slow
def test_a_file_is_imported_on_the_fly_by_every_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALAGO_CACHE", str(own_cache(tmp_path / "cache")))
    file, photos = tmp_path / "mine.tflite", tmp_path / "photos"
    file.write_bytes(classifier())
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    noise = np.random.default_rng(1)
    for name in LABELS:
        (photos / name).mkdir(parents=True)
        pixels = noise.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(photos / name / "1.png")
    picture, model = str(photos / "cat" / "1.png"), str(file)
    with EmulatedBoard(boards.load("RPI_PICO2")) as board:
        port = ["--port", board.port]
        verbs = {
            "classify": ["--model", model, picture, *port, "--json"],
            "flash": [model, *port],
            "bench": [model, *port, "--runs", "1", "--json"],
            "evaluate": [model, str(photos), "--on", "int8,board", *port, "--json"],
            "fit": [model, "--board", "RPI_PICO2"],
            "compile": [model, "--inspect"],
        }
        results = {}
        for verb, words in verbs.items():
            results[verb] = CliRunner().invoke(app, [verb, *words])
            assert results[verb].exit_code == 0, (verb, results[verb].output)
    told = [verb for verb, result in results.items() if "in the file" in result.stderr]
    assert told == ["classify"], "the first one says how it took the file"
    answer = json.loads(results["classify"].stdout)
    assert answer["top"][0]["label"] in LABELS
    assert json.loads(results["bench"].stdout)["model"] == "mine"
    evaluated = json.loads(results["evaluate"].stdout)
    assert evaluated["photos"] == 2
    assert not evaluated["board"]["first"], "the board's answers are int8's"
