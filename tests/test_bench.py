# SPDX-License-Identifier: MIT
"""A model's layers, and their times on an emulated board."""

import json
from itertools import pairwise

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from galago import boards, flash, models, transport
from galago.bench import bench as run
from galago.cli.bench import bench as verb
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.tflite import summary


@pytest.fixture(scope="module")
def model():
    return models.find("everyday-v1-025-96")


def test_layers_are_those_of_the_model(model):
    layers = summary.layers(model.tflite.read_bytes())
    assert sum(layer.macs for layer in layers) == model.contract["macs"]
    assert layers[0].input == model.input_shape
    assert layers[-1].output == (len(model.labels),)
    for one, following in pairwise(layers):
        assert np.prod(one.output) == np.prod(following.input)
    assert (layers[0].kind, layers[1].kind, layers[2].kind) == ("convolution", "depthwise", "pointwise")


def test_any_bytes_give_layers_or_an_error(model):
    data = model.tflite.read_bytes()
    random = np.random.default_rng(3)
    for size in [0, 1, 4, 100, *random.integers(0, len(data), 20)]:
        with pytest.raises(GalagoError) as error:
            summary.layers(random.integers(0, 256, size, np.uint8).tobytes())
        assert error.value.code == "model.malformed"


def test_times_the_layers_of_a_board(model):
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated, transport.connect(emulated.port) as board:
        flash.UploadPlan(board, flash.device_package(board) | flash.model_files(model)).run()
        result = run(board, model, runs=2)
        assert result.layers == summary.layers(model.tflite.read_bytes())
        assert len(result.us) == len(result.layers)
        assert all(us >= 0 for us in result.us)
        assert 0 < result.invoke_us < 60_000_000
        assert 0 < result.arena_bytes < 64 << 10
        board.remove(f"{flash.remote_path(model)}/{model.tflite.name}")
        with pytest.raises(GalagoError) as error:
            run(board, model)
        assert error.value.code == "model.missing"


def test_the_verb_prints_a_table_or_json(model):
    app = typer.Typer()
    app.command()(verb)
    done = CliRunner().invoke(app, ["--runs", "1", "--json"], catch_exceptions=False)
    answer = json.loads(done.stdout)
    assert answer["model"] == model.name
    assert answer["emulated"] is True
    assert answer["macs"] == model.contract["macs"]
    assert abs(sum(layer["share"] for layer in answer["layers"]) - 1) < 0.01
    assert answer["layers"][0]["operator"] == "CONV_2D"
    done = CliRunner().invoke(app, ["--runs", "1"], catch_exceptions=False)
    rows = [row for row in map(str.split, done.stdout.splitlines()) if row and row[0].isdigit()]
    assert [row[0] for row in rows] == [str(i) for i in range(len(answer["layers"]))]
    assert rows[0][1:5] == ["convolution", "96x96x3", "48x48x8", "497,664"]
    assert "emulated" in done.stdout.splitlines()[-1]
