# SPDX-License-Identifier: MIT
"""Folders of photos are listed, labelled, split and cropped; their problems are named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galago import dataset, pictures
from galago.dataset import duplicates
from galago.errors import GalagoError
from support.requirements import extra_module


def photo(path: Path, height: int = 6, width: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_subfolders_are_classes(tmp_path: Path) -> None:
    for name in ("dog/2.png", "cat/1.png", "cat/deep/3.PNG", "loose.png"):
        photo(tmp_path / name)
    (tmp_path / "dog" / "notes.txt").write_text("no picture")
    photos = dataset.from_subfolders(tmp_path)
    assert photos.names == ["cat", "dog"]
    assert [p.name for p in photos.paths] == ["1.png", "3.PNG", "2.png"]
    assert photos.labels.tolist() == [0, 0, 1]
    assert [p.name for p in photos.where(photos.labels == 1).paths] == ["2.png"]


def test_a_list_gives_numbers_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("with space.jpg 281\nb.jpg 0\n")
    photos = dataset.from_labels_file(tmp_path)
    assert [p.name for p in photos.paths] == ["with space.jpg", "b.jpg"]
    assert photos.labels.tolist() == [281, 0]


@pytest.mark.parametrize("text", ["a.jpg\n", "a.jpg cat\n", "\n", "a.jpg -1\n"])
def test_an_invalid_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.txt").write_text("fine.jpg 1\n" + text)
    with pytest.raises(GalagoError, match="line 2") as caught:
        dataset.from_labels_file(tmp_path)
    assert caught.value.code == "dataset.layout"


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    cases = [
        (lambda: dataset.picture_files(tmp_path / "none"), "dataset.missing"),
        (lambda: dataset.picture_files(tmp_path), "dataset.empty"),
        (lambda: dataset.from_labels_file(tmp_path), "dataset.missing"),
        (lambda: [photo(tmp_path / "loose.png"), dataset.from_subfolders(tmp_path)], "dataset.layout"),
    ]
    for use, code in cases:
        with pytest.raises(GalagoError) as caught:
            use()
        assert caught.value.code == code


def test_unreadable_photos_are_named_and_skipped(tmp_path: Path) -> None:
    good, bad, empty = photo(tmp_path / "good.png"), tmp_path / "bad.jpg", tmp_path / "empty.png"
    bad.write_bytes(b"\xff\xd8\xff and no more")
    empty.touch()
    warned: list[str] = []
    read = list(dataset.read([bad, good, empty, tmp_path / "gone.png"], warned.append))
    assert [position for position, _ in read] == [1]
    np.testing.assert_array_equal(read[0][1], np.asarray(Image.open(good)))
    assert ["bad.jpg" in warned[0], "empty.png" in warned[1], "gone.png" in warned[2]] == [True] * 3


def test_a_split_takes_its_share_of_every_class() -> None:
    labels = np.repeat([-1, 0, 1, 2], [1000, 100, 10, 3])
    chosen = dataset.split(labels, 0.2, seed=4)
    shares = [int(chosen[labels == label].sum()) for label in (-1, 0, 1, 2)]
    assert shares[:3] == [200, 20, 2]
    assert shares[3] in (0, 1)
    np.testing.assert_array_equal(chosen, dataset.split(labels, 0.2, seed=4))
    assert (chosen != dataset.split(labels, 0.2, seed=5)).any()
    # A class of three gives one in three of five splits on average, not never.
    assert 40 < sum(dataset.split(np.zeros(3), 0.2, seed).sum() for seed in range(100)) < 80


def test_random_crops_keep_their_bounds() -> None:
    rgb = np.arange(60 * 100 * 3, dtype=np.uint16).reshape(60, 100, 3)
    random = np.random.default_rng(1)
    for _ in range(500):
        crop = dataset.random_crop(rgb, (0.3, 0.6), random)
        height, width = crop.shape[:2]
        assert 0.25 < height * width / 6000 < 0.65
        assert 0.7 < width / height < 1.4
        top, left = divmod(int(crop[0, 0, 0]) // 3, 100) if crop[0, 0, 0] % 3 == 0 else (-1, -1)
        np.testing.assert_array_equal(crop, rgb[top : top + height, left : left + width])
    assert dataset.random_crop(rgb[:1, :1], (0.3, 0.6), random).shape == (1, 1, 3)


def test_copies_of_another_size_and_quality_are_near_duplicates(tmp_path: Path) -> None:
    from galago.dataset.check import check_folder

    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "train" / name).mkdir(parents=True)
        for number in range(6):
            coarse = random.integers(0, 256, (6, 8, 3), np.uint8)
            image = Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)
            image.save(tmp_path / "train" / name / f"{number}.png")
    cat = Image.open(tmp_path / "train" / "cat" / "0.png")
    cat.resize((90, 70)).save(tmp_path / "train" / "cat" / "copy.jpg", quality=60)
    cat.save(tmp_path / "train" / "dog" / "wrong.png")
    (tmp_path / "test" / "cat").mkdir(parents=True)
    Image.open(tmp_path / "train" / "cat" / "3.png").resize((200, 150)).save(
        tmp_path / "test" / "cat" / "3.jpg"
    )
    (tmp_path / "train" / "dog" / "bad.jpg").write_text("no picture")
    (tmp_path / "train" / "fox").mkdir()
    found = check_folder(tmp_path / "train", tmp_path / "test")
    assert found.counts == {"cat": 7, "dog": 7, "fox": 0}
    assert [(a.name, b.name) for a, b in found.duplicates] == [("0.png", "copy.jpg")]
    assert [(a.name, b.name) for a, b in found.contradictions] == [("0.png", "wrong.png")]
    assert [(a.name, b.name) for a, b in found.leaks] == [("3.png", "3.jpg")]
    assert len(found.broken) == 1
    assert found.problems == 1 + 1 + 1 + 1


def test_groups_stay_on_one_side_and_every_class_on_both() -> None:
    random = np.random.default_rng(1)
    for seed in range(20):
        labels = np.repeat([0, 1, 2, 3], [60, 20, 3, 1])
        groups = np.arange(84)
        groups[random.permutation(60)[:20]] = 0  # a burst of twenty
        validation = dataset.split_groups(labels, groups, 0.2, seed)
        for group in np.unique(groups):
            assert len(set(validation[groups == group])) == 1
        counts = [int(validation[labels == label].sum()) for label in range(4)]
        assert counts[0] == 12
        assert counts[1] == 4
        assert counts[2] == 1
        assert counts[3] == 0
        np.testing.assert_array_equal(validation, dataset.split_groups(labels, groups, 0.2, seed))


def test_a_class_of_one_burst_gives_its_last_photos_for_validation() -> None:
    labels, groups = np.repeat([0, 1], [40, 30]), np.repeat([0, 40], [40, 30])
    validation = dataset.split_groups(labels, groups, 0.15, 1)
    assert np.flatnonzero(validation).tolist() == [*range(34, 40), *range(66, 70)]
    assert dataset.split_alike(labels, groups, validation) == [0, 1]
    assert dataset.split_alike(labels, np.arange(70), validation) == []


def test_hashes_are_grouped_as_by_comparing_all_pairs() -> None:
    random = np.random.default_rng(3)
    hashes = np.repeat(random.integers(0, 256, (20, 16), dtype=np.uint8), 10, axis=0)
    bits = np.unpackbits(hashes, axis=1)
    for row in bits[random.permutation(200)[:150]]:
        row[random.integers(0, 128, random.integers(0, 9))] ^= 1
    hashes = np.packbits(bits, axis=1)
    close = (bits[:, None] != bits[None]).sum(axis=2) <= duplicates.MAX_DIFFERENT
    expected = np.arange(200)
    for _ in range(200):
        expected = np.array([expected[row].min() for row in close])
    np.testing.assert_array_equal(dataset.near_duplicates(hashes), expected)


def test_folders_of_tools_are_no_classes_and_other_files_are_named(tmp_path: Path) -> None:
    for name in ("cat/1.jfif", "cat/2.tiff", "cat/._1.jpg", "dog/1.jpe", "dog/@eaDir/1.jpg"):
        photo(tmp_path / name)
    for folder in (".ipynb_checkpoints", "__MACOSX", "@eaDir", "dog/.thumbs"):
        photo(tmp_path / folder / "1.png")
    (tmp_path / "cat" / "clip.mov").touch()
    (tmp_path / "cat" / "Thumbs.db").touch()
    photos = dataset.from_subfolders(tmp_path)
    assert photos.names == ["cat", "dog"]
    assert [path.name for path in photos.paths] == ["1.jfif", "2.tiff", "1.jpe"]
    assert dataset.ignored_files(tmp_path) == "2 files are not pictures and are ignored: 1 .db, 1 .mov"


def test_a_split_is_not_taken_for_classes(tmp_path: Path) -> None:
    for part in ("train", "val"):
        photo(tmp_path / part / "cat" / "1.png")
    with pytest.raises(GalagoError, match=f"pass {tmp_path}/train, and {tmp_path}/val as --test"):
        dataset.from_subfolders(tmp_path)
    photo(tmp_path / "car" / "1.png")
    assert dataset.from_subfolders(tmp_path).names == ["car", "train", "val"]


def test_photos_of_phones_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra_module("pillow_heif", extra="heif").register_heif_opener()
    path = photo(tmp_path / "1.heic", 60, 80)
    assert pictures.load(path).shape == (60, 80, 3)
    monkeypatch.setattr(pictures, "_reads_heif", lambda: False)
    path.write_bytes(b"no picture")
    with pytest.raises(GalagoError, match=r"HEIC needs pillow-heif: pip install .*\[heif\]"):
        pictures.load(path)
