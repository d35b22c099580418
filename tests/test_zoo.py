# SPDX-License-Identifier: MIT
"""The zoo: names and labels; the standard photos and the drawn pictures."""

from pathlib import Path

import numpy as np
import pytest

from docgen import zoo_accuracy
from galago import dataset, evaluate, imagenet, models, pictures, zoo
from galago.dataset import standard_photos
from galago.dataset.drawn import drawn
from galago.errors import GalagoError
from galago.zoo import building
from support.requirements import extra_module

keras = extra_module("keras", extra="train")


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
    labels = building.label_names(file, print)
    assert len(set(labels)) == imagenet.CLASSES
    assert labels[0] == "bird 0"
    file.write_text("cat\ndog")
    with pytest.raises(GalagoError) as caught:
        building.label_names(file, print)
    assert caught.value.code == "model.labels"


def test_drawn_pictures_repeat_and_fill_the_range() -> None:
    first = drawn(3, (48, 64, 3))
    np.testing.assert_array_equal(first, drawn(3, (48, 64, 3)))
    assert (first != drawn(4, (48, 64, 3))).any()
    values = np.stack([drawn(i, (32, 32, 3)) for i in range(20)])
    assert values.min() < 10
    assert values.max() > 245


def test_views_of_the_standard_photos_are_the_whole_and_parts() -> None:
    views = standard_photos.views(32)
    assert views.shape == (400, 32, 32, 3)
    np.testing.assert_array_equal(views, standard_photos.views(32))
    assert len({view.tobytes() for view in views}) == 400
    for number, rgb in dataset.read(standard_photos.paths(), print):
        np.testing.assert_array_equal(views[number * 50], pictures.resize(rgb, 32, 32, 3, "crop"))


def test_standard_photos_name_the_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(standard_photos.PHOTOS, "galago_absent", ["photo.png"])
    with pytest.raises(GalagoError) as caught:
        standard_photos.paths()
    assert caught.value.code == "config.missing"
    assert "pip install" in caught.value.message


def test_a_size_without_weights_names_those_with_weights() -> None:
    with pytest.raises(GalagoError) as caught:
        imagenet.network("mobilenet_v2", 0.35, 100)
    assert caught.value.code == "train.weights"
    assert "at sizes" in caught.value.message
    assert "from-scratch" in caught.value.message


def test_measured_answers_are_those_of_tflm() -> None:
    """They are also equal on pictures beyond those that are compared at run time."""
    tflite = models.find("everyday-v1-025-96").tflite.read_bytes()
    inputs = (np.stack([drawn(i, (96, 96, 3)) for i in range(zoo_accuracy._CHECKED + 6)]) ^ 128).view(np.int8)
    answers, _ = zoo_accuracy.int8_answers(tflite, inputs)
    np.testing.assert_array_equal(answers, evaluate.tflm_answers(tflite, inputs))
