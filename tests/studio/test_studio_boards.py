# SPDX-License-Identifier: MIT
"""The emulated board of the studio: flashed, watched, examined; jobs on it end with the server."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galago import boards, fit, models, resources
from galago.fit.variants import Variant
from support.studio import RunningStudio, jpeg

pytestmark = pytest.mark.slow
MODEL = "everyday-v1-025-96"
OTHER = "flowers-nano-80"
LOADER = "#!/bin/sh\necho some of it\nprintf '%s\\n' \"$@\" > {log}\n"


@pytest.fixture(scope="module")
def equipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with a shipped model, and one photo."""
    folder = tmp_path_factory.mktemp("boards") / "project"
    (folder / "cup").mkdir(parents=True)
    (folder / "cup" / "one.jpg").write_bytes(jpeg(1))
    for name, place in ((MODEL, "mshipped"), (OTHER, "mother")):
        shutil.copytree(resources.models_dir() / name, folder / ".galago" / "models" / place)
    loader = folder.parent / "bin" / "teensy_loader_cli"
    loader.parent.mkdir()
    loader.write_text(LOADER.format(log=folder.parent / "loaded"))
    loader.chmod(0o755)
    path = f"{loader.parent}{os.pathsep}{os.environ['PATH']}"
    running = RunningStudio(folder, environment={"PATH": path})
    yield running
    running.kill()


def ended(studio: RunningStudio, job: str) -> dict:
    return studio.until(f"/api/jobs/{job}", lambda value: value["state"] not in ("running", "paused"))


def test_a_board_is_flashed_and_its_classes_are_seen_live(equipped: RunningStudio) -> None:
    (port,) = equipped.get("/api/ports")
    assert (port["port"], port["emulated"], port["board"]) == ("emulated", True, boards.DEFAULT)
    tabs = [equipped.events(), equipped.events()]
    for tab in tabs:
        next(tab)
    order = {"kind": "flash", "model": "mshipped", "port": "emulated"}
    done = ended(equipped, equipped.post("/api/jobs", order)["id"])
    assert done["state"] == "done", done
    assert done["result"]["place"] == f"/models/{MODEL}"
    assert equipped.get("/api/ports")[0]["model"] == MODEL
    job = equipped.post("/api/jobs", {"kind": "monitor", "port": "emulated"})["id"]
    assert equipped.send("POST", "/api/jobs", {"kind": "doctor", "port": "emulated"}).code == "studio.busy"
    assert equipped.get("/api/ports")[0]["busy"] == job
    seen = [next(e for e in tab if e["type"] == "line" and e["line"]["type"] == "picture") for tab in tabs]
    assert seen[0] == seen[1]
    assert seen[0]["line"]["line"]["top"][0]["label"] in models.find(MODEL).labels
    assert equipped.raw("GET", seen[0]["line"]["frame"], cookie=equipped.cookie).status == 200
    equipped.kill()
    equipped.start()
    assert ended(equipped, job)["state"] in ("stopped", "failed")
    ended(equipped, equipped.post("/api/jobs", {**order, "model": "mother"})["id"])
    back = ended(equipped, equipped.post("/api/jobs", {"kind": "rollback", "port": "emulated"})["id"])
    assert back["result"]["place"] == f"/models/{MODEL}"
    events = equipped.events()
    job = equipped.post("/api/jobs", {"kind": "monitor", "port": "emulated"})["id"]
    line = next(e["line"] for e in events if e["type"] == "line" and e["line"]["type"] == "picture")
    assert line["line"]["top"][0]["label"] in models.find(MODEL).labels
    equipped.post(f"/api/jobs/{job}/stop")
    ended(equipped, job)
    report = ended(equipped, equipped.post("/api/jobs", {"kind": "doctor", "port": "emulated"})["id"])
    assert report["result"]["facts"]["board"]["kind"].startswith(boards.DEFAULT)


def test_a_boards_own_camera_adds_photos(equipped: RunningStudio) -> None:
    (group,) = (row["id"] for row in equipped.get("/api/project")["classes"])
    wish = {"kind": "collect", "port": "emulated", "board": "SEEED_XIAO_ESP32S3", "class": group}
    job = equipped.post("/api/jobs", wish)["id"]
    photos = equipped.until(f"/api/classes/{group}/photos", lambda value: value["total"] > 1)["photos"]
    equipped.post(f"/api/jobs/{job}/stop")
    assert ended(equipped, job)["state"] == "stopped"
    answer = equipped.raw("GET", f"/api/photos/{photos[0]['id']}?size=full", cookie=equipped.cookie)
    frame, shown = (
        np.asarray(Image.open(io.BytesIO(data)).resize((32, 24)), int) for data in (answer.body, jpeg(1))
    )
    assert abs(frame - shown).mean() < 30  # the stand-in's camera sees the project's photo
    mine = [photo["id"] for photo in equipped.get(f"/api/classes/{group}/photos")["photos"]][:-1]
    equipped.post("/api/photos/delete", {"ids": mine})


def test_micropython_is_installed_by_the_boards_own_tool(equipped: RunningStudio) -> None:
    path = "/api/firmware?board=TEENSY41&name=firmware.hex"
    job = equipped.post(path, b":00000001FF")["id"]
    assert ended(equipped, job)["result"] == {"board": "TEENSY41"}
    arguments = (equipped.folder.parent / "loaded").read_text().split()
    assert arguments[:3] == ["--mcu=TEENSY41", "-w", "-v"]
    assert Path(arguments[3]).suffix == ".hex"
    assert not Path(arguments[3]).exists()
    for wrong, code in (
        ("board=TEENSY41&name=notes.txt", "firmware.image"),
        ("board=TEENSY41&name=firmware.uf2", "firmware.image"),
        ("board=../TEENSY41&name=firmware.hex", "board.unknown"),
        ("board=TEENSY41&name=firmware.hex&port=/dev/ttyACM0", "port.missing"),
        ("board=TEENSY41&name=firmware.hex&port=emulated", "studio.request"),
        ("board=K230_CANMV&name=firmware.bin", "firmware.tool"),
    ):
        assert equipped.send("POST", f"/api/firmware?{wrong}", b"image").code == code, wrong


@pytest.mark.parametrize(
    ("board", "alpha", "size", "blocks", "form"),
    [("RPI_PICO", 1.0, 224, 0, None), ("NUCLEO_F401RE", 0.25, 48, 6, "small")],
)
def test_fit_says_what_the_command_says(
    equipped: RunningStudio, board: str, alpha: float, size: int, blocks: int, form: str | None
) -> None:
    network = f"architecture=mobilenet_v1&alpha={alpha}&size={size}&blocks={blocks}"
    shown = equipped.get(f"/api/fit?board={board}&{network}")
    requirements = fit.Requirements.of(models.find(MODEL))
    variant = Variant("mobilenet_v1", alpha, size, (2,), blocks=blocks)
    verdict = fit.check(requirements.for_variant(variant), boards.load(board))
    assert (shown["fits"], shown["why"], shown["form"]) == (bool(form), verdict.problem or None, verdict.form)
    assert not form or verdict.form == form


def test_a_board_that_is_no_id_is_refused(equipped: RunningStudio) -> None:
    assert equipped.raw("GET", "/api/fit?board=boards/RPI_PICO.toml", cookie=equipped.cookie).status == 400


def test_what_is_taken_away_opens_elsewhere(equipped: RunningStudio) -> None:
    whole = equipped.raw("GET", "/api/download", cookie=equipped.cookie)
    assert equipped.send("POST", "/api/open", whole.body).code == "studio.busy"
    (group,) = (row["id"] for row in equipped.get("/api/project")["classes"])
    (photo,) = equipped.get(f"/api/classes/{group}/photos")["photos"]
    equipped.post("/api/photos/delete", {"ids": [photo["id"]]})
    assert equipped.post("/api/open", whole.body) == {"added": 1, "refused": [], "models": 2}
    rows = sorted(equipped.get("/api/project")["models"], key=lambda row: row["name"])
    assert [row["name"] for row in rows] == [MODEL, MODEL, OTHER, OTHER]
    for what, first in (
        ("tflite", b"TFL3"),
        ("zip", b"PK"),
        ("web", b"<!doctype html>"),
        ("kmodel", b"\x03"),
    ):
        path = f"/api/models/{rows[0]['id']}/download?what={what}"
        assert first in equipped.raw("GET", path, cookie=equipped.cookie).body[:20]
    page = equipped.raw("GET", f"/api/models/{rows[0]['id']}/page", cookie=equipped.cookie)
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
