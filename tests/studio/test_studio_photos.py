# SPDX-License-Identifier: MIT
"""Classes and photos through the running server, and what lies on disk afterwards."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galago import dataset
from galago.studio import ingest
from galago.studio.held_out import SHARE, decide
from galago.studio.photo import Photo
from support.studio import RunningStudio, jpeg


def new_class(studio: RunningStudio, name: str) -> str:
    return studio.post("/api/classes", {"name": name})["id"]


def photos_of(studio: RunningStudio, group: str) -> list[dict]:
    return studio.get(f"/api/classes/{group}/photos")["photos"]


def test_a_class_is_a_folder_that_training_takes(studio: RunningStudio) -> None:
    group = new_class(studio, "  röd   mugg ")
    added = [studio.post(f"/api/classes/{group}/photos", jpeg(n))["added"] for n in range(2)]
    assert [each["id"] for each in photos_of(studio, group)] == [added[1][0], added[0][0]]
    listed = dataset.from_subfolders(studio.folder)
    assert listed.names[listed.labels[0]] == "röd mugg"
    assert {path.stem for path in listed.paths} == {added[0][0], added[1][0]}


def test_a_photo_is_upright_and_says_nothing_about_place_and_time(studio: RunningStudio) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    group = new_class(studio, "exif")
    sent = jpeg(3, (96, 64), exif)
    (photo_id,) = studio.post(f"/api/classes/{group}/photos", sent)["added"]
    with Image.open(studio.folder / "exif" / f"{photo_id}.jpg") as kept:
        assert kept.size == (64, 96)
        assert not kept.getexif()
        assert kept.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        turned = np.asarray(Image.open(io.BytesIO(sent)).rotate(-90, expand=True), int)
        assert abs(np.asarray(kept, int) - turned).mean() < 3
    answer = studio.raw("GET", f"/api/photos/{photo_id}?size=thumb", cookie=studio.cookie)
    assert answer.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(answer.body)).size) <= 160


def test_a_zip_is_unpacked_and_what_is_broken_is_named(studio: RunningStudio) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("../../a.jpg", "/etc/b.jpg", "c\\..\\d.jpg", "__MACOSX/e.jpg", "notes.txt"):
            archive.writestr(name, jpeg(len(name)))
        archive.writestr("half.jpg", jpeg(5)[:-300])
    group = new_class(studio, "zip")
    result = studio.post(f"/api/classes/{group}/photos?name=all.zip", file.getvalue())
    assert len(result["added"]) == 3
    again = studio.post(f"/api/classes/{group}/photos", jpeg(len("notes.txt")))
    assert again["duplicates"] == 0  # that was no picture
    again = studio.post(f"/api/classes/{group}/photos", jpeg(len("../../a.jpg")))
    assert again["duplicates"] == 1
    (refused,) = result["refused"]
    assert refused["name"] == "half.jpg"
    assert refused["error"]["code"] == "image.truncated"
    assert "half.jpg" in refused["error"]["message"]
    files = {path.relative_to(studio.folder).parts[0] for path in studio.folder.rglob("*.jpg")}
    assert files <= {"zip", "röd mugg", "exif", ".galago"}


def test_move_delete_and_undo(studio: RunningStudio) -> None:
    one, two = new_class(studio, "one"), new_class(studio, "two")
    ids = [studio.post(f"/api/classes/{one}/photos", jpeg(10 + n))["added"][0] for n in range(3)]
    studio.post("/api/photos/move", {"ids": ids[:2], "class": two})
    assert {path.stem for path in (studio.folder / "two").iterdir()} == set(ids[:2])
    studio.post("/api/photos/delete", {"ids": ids})
    assert photos_of(studio, one) == photos_of(studio, two) == []
    assert studio.post("/api/undo")["undone"] == "3 photos deleted"
    assert {each["id"] for each in photos_of(studio, two)} == set(ids[:2])
    assert studio.send("DELETE", f"/api/classes/{two}").status == 200
    assert not (studio.folder / "two").exists()
    studio.post("/api/undo")
    studio.post("/api/undo")
    assert {path.stem for path in (studio.folder / "one").iterdir()} == set(ids)


def test_ids_survive_the_server_and_other_programs_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    for number, name in enumerate(("a.jpg", "b.png")):
        (tmp_path / "cat" / name).write_bytes(jpeg(number))
    running = RunningStudio(tmp_path)
    try:
        (group,) = (row["id"] for row in running.get("/api/project")["classes"])
        before = {each["id"] for each in photos_of(running, group)}
        (tmp_path / "cat" / "burst.jpg").write_bytes(jpeg(0))
        (tmp_path / "cat" / "broken.jpg").write_bytes(b"no picture")
        shown = running.until(
            f"/api/classes/{group}/photos",
            lambda value: running.get("/api/project") and sum(bool(p["marks"]) for p in value["photos"]) == 2,
        )
        marks = sorted(mark for photo in shown["photos"] for mark in photo["marks"])
        assert marks == ["broken", "duplicate"]
        (broken,) = (photo["id"] for photo in shown["photos"] if "broken" in photo["marks"])
        sign = running.raw("GET", f"/api/photos/{broken}?size=thumb", cookie=running.cookie)
        assert (sign.status, sign.headers["content-type"]) == (200, "image/svg+xml")
        assert running.stop() == 0
        running.start()
        after = photos_of(running, group)
        assert before < {each["id"] for each in after}
        assert len(after) == 4
    finally:
        running.kill()


def test_events_miss_nothing_across_a_broken_connection(studio: RunningStudio) -> None:
    events = studio.events()
    seen = next(events)
    assert seen["type"] == "hello"
    events.close()
    group = new_class(studio, "events")
    studio.post(f"/api/classes/{group}/photos", jpeg(1))
    again = studio.events(after=seen["id"])
    first, second = next(again), next(again)
    assert first["type"] == "classes"
    assert (second["type"], second["class"]) == ("photos", group)
    unknown = studio.events(after="00000000-5")
    assert next(unknown)["type"] == "reset"


@pytest.mark.parametrize("name", ["", "a/b", "..", "CON", "a" * 61, "x\u202ey", "taken", 7, None])
def test_names_that_cannot_be_a_folder_are_refused(studio: RunningStudio, name: object) -> None:
    studio.send("POST", "/api/classes", {"name": "taken"})
    answer = studio.send("POST", "/api/classes", {"name": name})
    assert answer.status == 400
    assert answer.code in ("studio.name", "studio.request")


def test_windows_that_ask_for_a_picture_at_once_all_get_it(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    thumb = tmp_path / "thumbs" / "a.jpg"
    with ThreadPoolExecutor(8) as windows:
        for done in [windows.submit(ingest.write_thumbnail, tmp_path / "a.jpg", thumb) for _ in range(80)]:
            done.result()
    assert [path.name for path in thumb.parent.iterdir()] == ["a.jpg"]


def test_held_out_photos_stay_and_near_duplicates_are_on_one_side() -> None:
    photos = [Photo(f"p{n}", f"c{n % 2}", "") for n in range(100)]
    groups = [n // 10 if n < 40 else n for n in range(100)]  # bursts of both classes, then single photos
    groups[60:66:2] = [60] * 3  # and one of one class
    decide(photos[:50], groups[:50])
    before = [photo.held_out for photo in photos[:50]]
    decide(photos, groups)
    assert [photo.held_out for photo in photos[:50]] == before
    for group in set(groups):
        assert len({photo.held_out for photo, own in zip(photos, groups, strict=True) if own == group}) == 1
    for name in ("c0", "c1"):
        held = sum(bool(photo.held_out) for photo in photos if photo.group == name)
        assert 0.8 * SHARE * 50 <= held <= SHARE * 50
