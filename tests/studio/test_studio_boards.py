# SPDX-License-Identifier: MIT
"""The emulated board of the studio: flashed, watched, examined; jobs on it end with the server."""

import shutil
from collections.abc import Iterator

import pytest

from galago import boards, fit, models, resources
from galago.fit.variants import Variant
from support.studio import RunningStudio, jpeg

pytestmark = pytest.mark.slow
MODEL = "everyday-v1-025-96"


@pytest.fixture(scope="module")
def equipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with a shipped model, and one photo."""
    folder = tmp_path_factory.mktemp("boards") / "project"
    (folder / "cup").mkdir(parents=True)
    (folder / "cup" / "one.jpg").write_bytes(jpeg(1))
    shutil.copytree(resources.models_dir() / MODEL, folder / ".galago" / "models" / "mshipped")
    running = RunningStudio(folder)
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
    report = ended(equipped, equipped.post("/api/jobs", {"kind": "doctor", "port": "emulated"})["id"])
    assert report["result"]["facts"]["board"]["kind"].startswith(boards.DEFAULT)


def test_fit_says_what_the_command_says(equipped: RunningStudio) -> None:
    shown = equipped.get("/api/fit?board=RPI_PICO&architecture=mobilenet_v1&alpha=1.0&size=224")
    requirements = fit.Requirements.of(models.find(MODEL))
    variant = Variant("mobilenet_v1", 1.0, 224, (2,))
    verdict = fit.check(requirements.for_variant(variant), boards.load("RPI_PICO"))
    assert (shown["fits"], shown["why"]) == (False, verdict.problem)
    assert equipped.raw("GET", "/api/fit?board=boards/RPI_PICO.toml", cookie=equipped.cookie).status == 400


def test_what_is_taken_away_opens_elsewhere(equipped: RunningStudio) -> None:
    whole = equipped.raw("GET", "/api/download", cookie=equipped.cookie)
    assert equipped.send("POST", "/api/open", whole.body).code == "studio.busy"
    (group,) = (row["id"] for row in equipped.get("/api/project")["classes"])
    (photo,) = equipped.get(f"/api/classes/{group}/photos")["photos"]
    equipped.post("/api/photos/delete", {"ids": [photo["id"]]})
    assert equipped.post("/api/open", whole.body) == {"added": 1, "refused": [], "models": 1}
    rows = equipped.get("/api/project")["models"]
    assert [row["name"] for row in rows] == [MODEL, MODEL]
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
