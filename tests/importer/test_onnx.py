# SPDX-License-Identifier: MIT
"""ONNX files as PyTorch exports them; the oracle is ONNX's own reference implementation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.importer import Options, import_model
from galago.tflite.tflm import Tflm
from support import exported
from support.requirements import extra_module

pytestmark = pytest.mark.slow
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Graph:
    """An ONNX graph under construction, channels first."""

    def __init__(self) -> None:
        self.onnx, self.random = extra_module("onnx", extra="import"), np.random.default_rng(3)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: Any, **options: Any) -> str:
        """Adds a node; arrays become constants."""
        names = []
        for each in inputs:
            names.append(each if isinstance(each, str) else f"c{len(self.constants)}")
            if not isinstance(each, str):
                self.constants.append(self.onnx.numpy_helper.from_array(each, names[-1]))
        self.nodes.append(self.onnx.helper.make_node(kind, names, [f"t{len(self.nodes)}"], **options))
        return self.nodes[-1].output[0]

    def conv(self, x: str, i: int, o: int, size: int = 1, stride: int = 1, group: int = 1) -> str:
        """A convolution and its normalization, as torch exports them before fusing."""
        weights = self.random.standard_normal((o, i // group, size, size)) / np.sqrt(i // group * size)
        x = self.add("Conv", x, weights.astype(np.float32), strides=[stride] * 2, pads=[size // 2] * 4,
                     group=group)  # fmt: skip
        near = [self.random.uniform(*ends, o).astype(np.float32) for ends in ((0.8, 1.2), (-0.1, 0.1)) * 2]
        return self.add("BatchNormalization", x, near[0], near[1], near[3], near[2])

    def write(self, x: str, path: Path, shape: tuple[Any, ...] = (1, 3, exported.SIZE, exported.SIZE)) -> Any:
        """Saves the graph with a dense layer at the end; returns the model."""
        helper, number = self.onnx.helper, self.onnx.TensorProto.FLOAT
        dense = (4 * self.random.standard_normal((exported.CLASSES, 8))).astype(np.float32)
        x = self.add("Gemm", self.add("Flatten", self.add("GlobalAveragePool", x)), dense, transB=1)
        ends = [
            [helper.make_tensor_value_info(name, number, size)]
            for name, size in (("x", shape), (x, (1, exported.CLASSES)))
        ]
        graph = helper.make_graph(self.nodes, "main_graph", *ends, self.constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in (("", 17), ("com.example", 1))]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        self.onnx.save(model, str(path))
        return model


def residual(graph: Graph) -> str:
    """The start of a MobileNetV2: ReLU6, depthwise, an addition, a pool."""
    ends = np.array(0, np.float32), np.array(6, np.float32)
    x = graph.add("Clip", graph.conv("x", 3, 8, 3, 2), *ends)
    y = graph.add("Clip", graph.conv(x, 8, 8, 3, group=8), *ends)
    x = graph.add("Add", x, graph.conv(y, 8, 8))
    return graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)


def test_a_network_of_pytorch_is_taken(tmp_path: Path, photos: Path) -> None:
    graph = Graph()
    model = graph.write(residual(graph), tmp_path / "network.onnx")
    reference = extra_module("onnx.reference", extra="import").ReferenceEvaluator(model)
    options = Options(calibrate=photos, input_range="imagenet")
    done = import_model(tmp_path / "network.onnx", tmp_path / "out", options)
    pixels = exported.pixels(24)  # those of the photos: others may leave the range that was calibrated
    engine = Tflm(done.model.tflite.read_bytes())
    scores = np.array([engine.run(each).ravel().copy() for each in done.model.tensor(pixels)])
    real = ((pixels / 255 - MEAN) / DEVIATION).astype(np.float32).transpose(0, 3, 1, 2)
    expected = np.array([reference.run(None, {"x": each[None]})[0].ravel() for each in real])
    assert len(set(expected.argmax(1))) > 1
    found = done.model.contract["output"]["scale"] * (
        scores - float(done.model.contract["output"]["zero_point"])
    )
    assert np.abs(found - expected).mean() < 0.02 * np.ptp(expected)
    assert set(done.facts["operators"].split(", ")) >= {"ADD", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"}


def refused(path: Path) -> GalagoError:
    with pytest.raises(GalagoError) as caught:
        import_model(path, path.with_name("out"))
    assert "\n" not in caught.value.message
    return caught.value


def test_a_network_that_the_converter_gets_wrong_is_refused(tmp_path: Path) -> None:
    """ShuffleNet's channel shuffle: onnx2keras answers without an error, and wrongly."""
    graph, side = Graph(), exported.SIZE // 2
    x = graph.conv("x", 3, 8, 3, 2)
    x = graph.add("Reshape", x, np.array([1, 2, 4, side, side]))
    x = graph.add("Reshape", graph.add("Transpose", x, perm=[0, 2, 1, 3, 4]), np.array([1, 8, side, side]))
    graph.write(x, tmp_path / "network.onnx")
    error = refused(tmp_path / "network.onnx")
    assert error.code == "model.operator"
    assert "converted wrongly by onnx2keras" in error.message
    assert "pip install onnx2tf" in error.message


def test_what_is_no_picture_or_no_onnx_is_refused(tmp_path: Path) -> None:
    for shape, shown in (((1, 24, 24, 3), "1x24x24x3"), ((1, 3, "h", "w"), "1x3x?x?")):
        graph = Graph()
        graph.write(graph.conv("x", 3, 8), tmp_path / "network.onnx", shape)
        assert f"got {shown}" in refused(tmp_path / "network.onnx").message
    graph = Graph()
    graph.write(graph.add("Mine", "x", domain="com.example"), tmp_path / "network.onnx")
    assert "operators of com.example" in refused(tmp_path / "network.onnx").message
    data = (tmp_path / "network.onnx").read_bytes()
    for damaged in (data[: len(data) // 2], b"\x08\x07"):
        (tmp_path / "network.onnx").write_bytes(damaged)
        assert refused(tmp_path / "network.onnx").code == "model.malformed"
