# SPDX-License-Identifier: MIT
"""Everything that reads a .tflite reports damaged bytes in the same way; the engine gives its reasons."""

from collections.abc import Callable

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.quantize import measurement
from galago.tflite import arithmetic, engine, records, summary
from galago.tflite.build import ShapeBuilder
from galago.tflite.edit import EditableGraph
from galago.tflite.graph import Graph
from galago.tflite.tflm import Tflm
from support.builder import Builder

READERS = (summary.layers, summary.ends, Graph.read, EditableGraph, records.read, engine.plan)


def network() -> ShapeBuilder:
    return ShapeBuilder((1, 8, 8, 3))


def valid() -> bytes:
    graph = network()
    return graph.finish(graph.softmax(graph.dense(graph.mean(graph.conv(graph.input, 8, 3, 2)), 5)))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: f"{reader.__module__}.{reader.__name__}")
@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(64), np.random.default_rng(1).bytes(500)], ids=len)
def test_bytes_that_are_no_model_are_malformed(reader: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(GalagoError) as error:
        reader(data)
    assert error.value.code == "model.malformed"
    assert "\n" not in error.value.message


def test_tflm_is_not_given_bytes_that_are_no_model() -> None:
    with pytest.raises(GalagoError) as error:
        Tflm(b"")
    assert error.value.code == "model.malformed"


def test_readers_agree_on_a_built_model() -> None:
    data = valid()
    layers = summary.layers(data)
    assert [layer.kind for layer in layers] == ["convolution", "mean", "fully connected", "softmax"]
    assert [layer.output for layer in layers] == [(4, 4, 8), (8,), (5,), (5,)]
    plan = engine.plan(data)
    assert plan.macs == sum(layer.macs for layer in layers) == 4 * 4 * 8 * 27 + 40
    assert [record.out_c for record in records.read(data)] == [8, 8, 5, 5]
    assert [one.kind for one in Graph.read(data).operators] == [layer.operator for layer in layers]
    graph = EditableGraph(data)
    assert [graph.shape(layer.output)[1:] for layer in graph.layers] == [layer.output for layer in layers]
    inputs, outputs = summary.ends(data)
    assert [(end.shape, end.scale, end.zero_point) for end in inputs] == [((1, 8, 8, 3), 1 / 128, 0)]
    assert [(end.shape, end.scale, end.zero_point) for end in outputs] == [((1, 5), 1 / 256, -128)]


def test_an_unchanged_model_stays_the_same() -> None:
    data = valid()
    assert EditableGraph(data).packed() == data


def test_the_engines_reason_reaches_whoever_measures_a_model() -> None:
    graph = Builder((1, 4, 4, 3))
    y = graph.operator("ABS", [graph.input], graph.computed((1, 4, 4, 3), (1 / 128, 0)))
    data = graph.finish(graph.softmax(graph.mean(y)))
    for read in (engine.plan, records.read, lambda model: measurement.measure(model, (4, 4, 3))):
        with pytest.raises(GalagoError, match="ABS") as error:
            read(data)
        assert error.value.code == "model.operator"


def test_an_engine_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_SCRIPT", "raise ValueError('out of luck')")
    with pytest.raises(GalagoError, match=r"cannot load the model \(ValueError: out of luck\)") as error:
        engine.plan(valid() + b"\0")
    assert error.value.code == "model.operator"


def test_factors_are_rounded_to_the_nearest_multiplier() -> None:
    factors = np.array([0.5, 0.75, 1 - 2.0**-40, 3.0, 1e-9])
    multipliers, shifts = arithmetic.quantize_multiplier(factors)
    assert ((multipliers >= 1 << 30) & (multipliers < 1 << 31)).all()
    np.testing.assert_allclose(multipliers / 2.0**31 * 2.0**shifts, factors, rtol=2.0**-31)
    assert (multipliers[2], shifts[2]) == (1 << 30, 1)  # rounded up to 1
