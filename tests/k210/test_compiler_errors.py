# SPDX-License-Identifier: MIT
"""Models that the K210 compiler refuses: unsupported layers, too large maps, damaged files."""

import numpy as np
import pytest
from random_networks import VALID, RandomNetwork, small_v1, small_v2

from galago.errors import GalagoError
from galago.targets.k210.compiler import compile_model


def refused(change) -> tuple[str, str]:
    net = RandomNetwork(np.random.default_rng(0), size=32)
    change(net)
    with pytest.raises(GalagoError) as caught:
        compile_model(net.finish())
    return caught.value.code, caught.value.message


def simple(*layers):
    """Returns a change that appends layers, then a head."""

    def change(net: RandomNetwork) -> None:
        for name, *arguments, options in layers:
            getattr(net, name)(*arguments, **options)
        net.head(3)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (simple(("conv", 8, {"kernel": 5})), "layer 0 (CONV_2D t1) has a kernel of 5x5"),
        (simple(("conv", 8, {"dilation": 2})), "layer 0 (CONV_2D t1) has a dilation"),
        (simple(("conv", 8, {"padding": VALID})), "layer 0 (CONV_2D t1) pads"),
        (simple(("conv", 8, {}), ("conv", 8, {"kernel": 1, "stride": 2})), "is 1x1 with stride 2"),
        (simple(("conv", 8, {}), ("depthwise", {"stride": 2}), ("depthwise", {})), "follows a depthwise"),
        (simple(("conv", 8, {}), ("depthwise", {"stride": 2})), "is not a global pooling"),
        (simple(("conv", 2100, {"kernel": 1})), "has 2100 channels"),
        (lambda net: net.conv(8), "does not end in a classifier"),
    ],
)
def test_what_cannot_be_mapped_is_refused_by_name(change, words: str) -> None:
    code, message = refused(change)
    assert code == "model.operator"
    assert words in message
    assert ": " in message.split(words)[1] or message.endswith("head"), "no next step"


def test_mixed_paddings_are_refused() -> None:
    def change(net: RandomNetwork) -> None:
        net.conv(8, stride=2)
        net.last = net.builder.pad(net.last, [(0, 0), (1, 1), (1, 1), (0, 0)])
        net.conv(8, stride=2, padding=VALID)
        net.head(3)

    assert "pads at the end" in refused(change)[1]


def test_too_large_a_map_is_refused_with_its_bytes() -> None:
    net = RandomNetwork(np.random.default_rng(0), size=256)
    net.conv(64)
    net.head(3)
    with pytest.raises(GalagoError, match=r"CONV_2D t1\) needs 4,.* the K210 has 2,097,152") as caught:
        compile_model(net.finish())
    assert caught.value.code == "memory.kpu"


def test_broken_files_are_refused() -> None:
    """A file that is cut or has some bytes changed is refused or is a model."""
    good = small_v1(np.random.default_rng(0)).finish()
    rng = np.random.default_rng(1)
    for length in [0, 3, 8, 40, *rng.integers(0, len(good) // 2, 20).tolist()]:
        with pytest.raises(GalagoError) as caught:
            compile_model(good[:length])
        assert caught.value.code == "model.malformed"
    refused = 0
    for _ in range(300):
        broken = bytearray(good)
        for at in rng.integers(0, len(broken), 3):
            broken[at] = int(rng.choice([0, 1, 127, 128, 255]))
        try:
            compile_model(bytes(broken))
        except GalagoError:
            refused += 1
    assert refused > 20


def test_graphs_that_do_not_fit_together_are_refused() -> None:
    """Well-formed files with a changed shape, input, operator kind or options."""
    rng = np.random.default_rng(5)
    codes = []
    for _ in range(150):
        net = small_v2(np.random.default_rng(3))
        graph = net.builder.graph
        tensor = graph.tensors[int(rng.integers(len(graph.tensors)))]
        operator = graph.operators[int(rng.integers(len(graph.operators)))]
        shape, inputs = list(tensor.shape or []), list(operator.inputs or [])
        match int(rng.integers(5)):
            case 0:
                shape[int(rng.integers(len(shape)))] = int(rng.choice([0, 1, 2, -1, 1000]))
                tensor.shape = shape
            case 1:
                tensor.shape = shape[:-1]
            case 2:
                inputs[int(rng.integers(len(inputs)))] = int(rng.integers(-1, len(graph.tensors)))
                operator.inputs = inputs
            case 3:
                operator.opcodeIndex = int(rng.integers(len(net.builder.model.operatorCodes)))
            case 4:
                operator.builtinOptions, operator.builtinOptionsType = None, 0
        try:
            compile_model(net.finish())
        except GalagoError as error:
            codes.append(error.code)
    assert len(codes) > 75
    assert set(codes) <= {"model.malformed", "model.operator"}
