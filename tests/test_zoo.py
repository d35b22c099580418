# SPDX-License-Identifier: MIT
"""The zoo: names, labels, drawn pictures; and what refining does, against the float network."""

from pathlib import Path

import numpy as np
import pytest

from galago import imagenet, quantize, zoo
from galago.drawing import drawn
from galago.errors import GalagoError

keras = pytest.importorskip("keras", reason="needs the extra `train`")


def test_names_and_parts_fit_together() -> None:
    names = zoo.names()
    assert len(names) == len(set(names)) == 4 * 4 + 6 * 5
    assert zoo.parts("imagenet-v1-025-128") == ("mobilenet_v1", 0.25, 128)
    assert zoo.parts("imagenet-v2-140-224") == ("mobilenet_v2", 1.4, 224)
    for name in ("imagenet-v1-030-128", "imagenet-v3-025-128", "imagenet-v1-025-96", "other"):
        with pytest.raises(GalagoError) as caught:
            zoo.parts(name)
        assert caught.value.code == "model.missing"


def test_labels_become_a_thousand_different_names(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("\n".join(["background", *(f"bird_{i % 999}" for i in range(1000))]))
    labels = zoo.label_names(file, print)
    assert len(set(labels)) == imagenet.CLASSES
    assert labels[0] == "bird 0"
    file.write_text("cat\ndog")
    with pytest.raises(GalagoError) as caught:
        zoo.label_names(file, print)
    assert caught.value.code == "model.labels"


def test_drawn_pictures_repeat_and_fill_the_range() -> None:
    first = drawn(3, (48, 64, 3))
    np.testing.assert_array_equal(first, drawn(3, (48, 64, 3)))
    assert (first != drawn(4, (48, 64, 3))).any()
    values = np.stack([drawn(i, (32, 32, 3)) for i in range(20)])
    assert values.min() < 10
    assert values.max() > 245


def test_missing_weights_say_what_to_download() -> None:
    if imagenet.weights_file("mobilenet_v2", 0.35, 96).is_file():
        pytest.skip("the weights are here")
    with pytest.raises(GalagoError) as caught:
        imagenet.network("mobilenet_v2", 0.35, 100)
    assert caught.value.code == "train.weights"
    assert "from-scratch" in caught.value.message


def test_refined_models_are_nearer_to_float(tmp_path: Path) -> None:
    """Logits of random convolutions: the mean error over pictures that were not calibrated on shrinks."""
    keras.utils.set_random_seed(2)
    picture = keras.Input((32, 32, 3))
    x = picture
    for channels in (8, 16, 24):
        x = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu6")(x)
        x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    logits = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x) * 4)
    network = keras.Model(picture, logits)
    random = np.random.default_rng(4)
    network.set_weights([w + random.normal(0, 0.05, w.shape) for w in network.get_weights()])
    pixels = np.stack([drawn(i, (32, 32, 3)) for i in range(60)])
    others = np.stack([drawn(i, (32, 32, 3)) for i in range(100, 140)])
    wanted = quantize.with_softmax(network).predict((others.astype(np.float32) - 128) / 128, verbose=0)
    errors = []
    for refined in (False, True):
        model = quantize.build(
            network,
            pixels,
            tmp_path / str(refined),
            name="tiny",
            labels=[str(i) for i in range(10)],
            refined=refined,
        )
        from galago import evaluate

        answers = evaluate.int8(model, (others ^ 128).view(np.int8)).astype(float)
        errors.append(np.abs(((answers + 128) / 256 - wanted).mean(axis=0)).mean())
    assert errors[1] < errors[0]
