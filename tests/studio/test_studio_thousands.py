# SPDX-License-Identifier: MIT
"""5,000 photos: a page asks for what it shows, and gets it in few bytes."""

import json
from pathlib import Path

import numpy as np

from support.studio import RunningStudio, jpeg

PHOTOS = 5000


def test_pages_of_five_thousand_photos_stay_small(tmp_path: Path) -> None:
    folder, content, random = tmp_path / "cup", jpeg(1, (32, 32)), np.random.default_rng(1)
    folder.mkdir()
    records = []
    for number in range(PHOTOS):
        path = folder / f"p{number:012x}.jpg"
        path.write_bytes(content)
        stat = path.stat()
        record = {"id": path.stem, "group": "c1", "file": path.name, "sharpness": 1.0}
        seen = {"size": stat.st_size, "time": stat.st_mtime_ns, "fingerprint": random.bytes(16).hex()}
        records.append({**record, **seen})
    (tmp_path / ".galago").mkdir()
    (tmp_path / ".galago" / "project.json").write_text(json.dumps({"classes": {"c1": "cup"}}))
    (tmp_path / ".galago" / "photos.json").write_text(json.dumps(records))
    running = RunningStudio(tmp_path)
    try:
        project = running.raw("GET", "/api/project", cookie=running.cookie)
        assert project.json["classes"][0]["photos"] == PHOTOS
        assert len(project.body) < 2000
        some = running.raw("GET", "/api/classes/c1/photos?from=4900&count=200", cookie=running.cookie)
        assert (some.json["total"], len(some.json["photos"])) == (PHOTOS, 100)
        assert len(some.body) < 100 * 80
        assert len(running.get("/api/classes/c1/photos?count=500")["photos"]) == 500
        assert running.raw("GET", "/api/classes/c1/photos?count=5000", cookie=running.cookie).status == 400
        assert not (tmp_path / ".galago" / "thumbs").exists()  # made when they are looked at
        ids = [record["id"] for record in records]
        running.post("/api/photos/delete", {"ids": ids[:4000]})
        assert running.get("/api/classes/c1/photos?count=0")["total"] == 1000
        running.post("/api/undo")
        assert running.get("/api/classes/c1/photos?count=0")["total"] == PHOTOS
    finally:
        running.kill()
