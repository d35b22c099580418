# SPDX-License-Identifier: MIT
"""Recipes: errors are named, written recipes are read as the same, a board gets a network that fits."""

from dataclasses import replace
from pathlib import Path

import pytest

from docgen import model_table
from galago import boards, train
from galago.errors import GalagoError
from galago.resources import models_dir
from galago.train import imagenet_groups
from galago.train.recipe import Augment, GroupRecipe, PhotoRecipe, PhotoStage, Teacher
from support.requirements import extra_module

GROUPS = Path(__file__).with_name("groups.toml").read_text()
PHOTOS = PhotoRecipe("mine", "photos/of mine", "mobilenet_v2", 0.35, 96, 224)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "tiny"', ""),
        ("seed = 3", "seed = 3\nspeed = 4"),
        ("alpha = 0.25\nsize", 'alpha = "small"\nsize'),
        ("epochs = 1", "epochs = 1.5"),
        ("outside = 4", "outside = true"),
        ('fish = ["0-6"]', 'fish = ["0-8"]'),
        ('fish = ["0-6"]', "fish = 3"),
        ('fish = ["0-6"]', 'fish = ["²"]'),
        ("[head]", "[head"),
    ],
)
def test_an_invalid_recipe_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(GROUPS)
    recipe = train.read_recipe(path)
    assert isinstance(recipe, train.GroupRecipe)
    assert recipe.head.rows == {"bird": 5}
    assert old in GROUPS
    path.write_text(GROUPS.replace(old, new, 1))
    with pytest.raises(GalagoError) as caught:
        train.read_recipe(path)
    assert caught.value.code == "config.invalid"
    assert str(path) in caught.value.message or "class" in caught.value.message
    with pytest.raises(GalagoError) as caught:
        train.read_recipe(tmp_path / "none.toml")
    assert caught.value.code == "config.missing"


@pytest.mark.parametrize(
    "line",
    [
        *(
            "alpha = 0",
            "alpha = -0.25",
            "alpha = 1e9",
            "alpha = nan",
            f"alpha = 1{500 * '0'}",
            "size = 0",
            "size = 1",
            "size = -32",
        ),
        *("size = 1_000_000", "batch = 0", "seed = -1", "validation = 2.0", "validation = -1"),
        *("label_smoothing = 5", "augment = 3", "augment.area = 'all'", "augment.area = [0.5]"),
        *(
            "augment.area = [1.0, 0.3]",
            "augment.area = [-1, nan]",
            "augment.hue = inf",
            "stages = [1, 2]",
            "stages = []",
        ),
        *("stages = 1", "teachers = [[]]", "name = '../../x'", "name = ''", 'name = "a\\nb"'),
        *(f"name = '{'x' * 300}'", "architecture = 'resnet'", f"x = {'[' * 5_000}{']' * 5_000}"),
        f"x = {'9' * 5_000}",
        f"{'x' * 5_000} = 1",
        *(
            f"stages = [{{layers = 'all', epochs = {epochs}, learning_rate = {rate}}}]"
            for epochs, rate in ((-3, 1e-3), (1, -1), (1, "nan"), (1, 0))
        ),
    ],
)
def test_values_out_of_range_are_refused_before_training(tmp_path: Path, line: str) -> None:
    path = tmp_path / "recipe.toml"
    plain = (
        "name = 'a'\nphotos = 'p'\narchitecture = 'mobilenet_v1'\nalpha = 0.25\nsize = 96\n"
        "pretrained_size = 0\n"
        "stages = [{layers = 'head', epochs = 1, learning_rate = 1e-3}]\n"
    )
    path.write_text(plain)
    assert train.read_recipe(path).name == "a"
    key = line.partition(" ")[0]
    path.write_text(
        "".join(old + "\n" for old in plain.splitlines() if not old.startswith(f"{key} =")) + line
    )
    with pytest.raises(GalagoError) as caught:
        train.read_recipe(path)
    assert caught.value.code == "config.invalid"
    assert len(caught.value.message) < 400


def test_a_written_recipe_is_read_as_the_same(tmp_path: Path) -> None:
    stages = (PhotoStage("head", 3, 1e-3), PhotoStage("all", 5, 2e-4, patience=2))
    teachers = (Teacher("mobilenet_v1", 0.5, 160, 160, 0.25),)
    recipe = replace(PHOTOS, stages=stages, teachers=teachers, augment=Augment(mirror=False, noise=0.1))
    path = tmp_path / "recipe.toml"
    path.write_text(train.to_toml(recipe))
    assert train.to_toml(train.read_recipe(path)) == train.to_toml(recipe)  # type: ignore[arg-type]
    read = train.read_recipe(path)
    assert isinstance(read, PhotoRecipe)
    assert (read.stages, read.teachers, read.photos) == (stages, teachers, "photos/of mine")
    assert read.augment.mirror is False


@pytest.mark.parametrize("path", sorted(models_dir().glob("*/recipe.toml")), ids=lambda p: p.parent.name)
def test_shipped_recipes_are_read(path: Path) -> None:
    assert train.read_recipe(path).name == path.parent.name


def test_the_page_of_models_names_every_recipe(tmp_path: Path) -> None:
    """It also names recipes without a model; docs/models.md is up to date."""
    model_table.main(str(tmp_path / "models.md"))
    page = (tmp_path / "models.md").read_text()
    for path in models_dir().glob("*/recipe.toml"):
        built = (path.parent / "model.json").is_file()
        assert (f"**{path.parent.name}** is a recipe without a model" in page) != built
        assert f"[{path.parent.name}](" in page or not built
    assert page == (models_dir().parent / "docs" / "models.md").read_text()


def test_a_recipe_whose_weights_are_absent_says_what_to_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras has an empty cache and cannot download, whether or not there is a network."""
    keras = extra_module("keras", extra="train").src
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.backend.config, "keras_home", lambda: str(tmp_path))  # read before, by Keras
    monkeypatch.setattr(keras.applications.mobilenet_v2, "BASE_WEIGHT_PATH", f"{tmp_path.as_uri()}/none/")
    recipe = train.read_recipe(models_dir() / "everyday-v2-035-96" / "recipe.toml")
    assert isinstance(recipe, GroupRecipe)
    with pytest.raises(GalagoError) as caught:
        imagenet_groups.imagenet_student(recipe)
    assert caught.value.code == "train.weights"
    assert (
        "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
        in caught.value.message
    )
    assert str(tmp_path / "models") in caught.value.message


@pytest.mark.parametrize("board", ["RPI_PICO", "RPI_PICO2", "ESP32_GENERIC_S3"])
def test_a_board_gets_the_largest_network_that_fits_with_room(board: str) -> None:
    """The chosen variant is checked again by galago.fit, outside of the list of candidates."""
    from galago import fit, models
    from galago.fit.variants import Variant
    from galago.train import choice

    try:
        variant, why = choice.largest(board, "mobilenet_v1", classes=5)
    except GalagoError as error:
        assert error.code == "memory.heap"  # noqa: PT017
        return
    assert board in why
    requirements = replace(fit.Requirements.of(models.find("everyday-v1-025-96")), classes=5)
    same = Variant("mobilenet_v1", variant.alpha, variant.size, (5,))
    judged = fit.check(requirements.for_variant(same), boards.load(board))
    assert judged.fits
    assert sum(judged.heap.values()) <= 0.85 * boards.load(board).heap


@pytest.mark.parametrize(("size", "alpha"), [(31, 0.25), (97, 0.25), (256, 0.25), (96, 0.0), (96, 2.0)])
def test_impossible_variants_are_refused(size: int, alpha: float, tmp_path: Path) -> None:
    from galago.train import choice

    with pytest.raises(GalagoError) as caught:
        choice.recipe_for(tmp_path, "x", choice.TrainingOptions(alpha=alpha, size=size))
    assert caught.value.code == "config.invalid"
