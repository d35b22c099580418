# SPDX-License-Identifier: MIT
"""A training outlives the server, and can be paused, stopped and resumed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from galago.train import PhotoRecipe, read_recipe
from support.studio import RunningStudio, jpeg

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with two classes of six photos."""
    folder = tmp_path_factory.mktemp("training") / "Tiny: it's"
    for number in range(12):
        (folder / ("cup", "pen")[number % 2]).mkdir(parents=True, exist_ok=True)
        (folder / ("cup", "pen")[number % 2] / f"{number}.jpg").write_bytes(jpeg(number))
    running = RunningStudio(folder)
    yield running
    running.kill()


def test_a_training_outlives_its_server(trained: RunningStudio) -> None:
    """It is paused, loses its server twice, and goes on to its end."""
    wish = {
        "kind": "train",
        "architecture": "mobilenet_v1",
        "alpha": 0.25,
        "size": 48,
        "epochs": 2,
        "blocks": 6,
    }
    job = trained.post("/api/jobs", wish)["id"]
    assert trained.send("POST", "/api/jobs", {"kind": "quick"}).code == "studio.busy"
    trained.until(f"/api/jobs/{job}", lambda value: epochs(value) or value["error"])
    assert trained.post(f"/api/jobs/{job}/pause")["state"] == "paused"
    trained.kill()
    trained.start()
    assert trained.get(f"/api/jobs/{job}")["state"] == "paused"
    assert trained.post(f"/api/jobs/{job}/resume")["state"] == "running"
    trained.kill()
    trained.start()
    end = ended(trained, job)
    assert end["state"] == "done", end
    assert [line["epoch"] for line in epochs(end)] == [1, 2]
    assert "<svg" in end["charts"]["loss"]
    row = next(row for row in trained.get("/api/project")["models"] if row["id"] == end["result"]["model"])
    assert row["has"] == ["float", "recipe", "report"]
    recipe = read_recipe(trained.folder / ".galago" / "models" / row["id"] / "recipe.toml")
    assert isinstance(recipe, PhotoRecipe)
    assert (recipe.size, recipe.blocks, row["blocks"]) == (48, 6, 6)
    assert Path(recipe.photos) == trained.folder.resolve()  # those it was trained on are gone


def ended(studio: RunningStudio, job: str) -> dict:
    return studio.until(f"/api/jobs/{job}", lambda value: value["state"] not in ("running", "paused"))


def epochs(job: dict) -> list[dict]:
    return [line for line in job["lines"] if line["type"] == "epoch"]


def test_a_quick_model_answers_without_a_long_training(trained: RunningStudio) -> None:
    job = trained.post("/api/jobs", {"kind": "quick"})["id"]
    end = ended(trained, job)
    assert end["state"] == "done", end
    row = trained.get("/api/project")["models"][0]
    assert (row["id"], row["quick"], row["labels"]) == (end["result"]["model"], True, ["cup", "pen"])
    answers = trained.get(f"/api/models/{row['id']}/answers")
    assert len(answers["photos"]) == 2
    assert {each["is"] for each in answers["photos"]} == {0, 1}
    assert "<svg" in trained.get(f"/api/models/{row['id']}/report")["charts"]["reliability"]
    refused = trained.send("POST", "/api/jobs", {"kind": "train", "from": row["id"]})
    assert refused.code == "model.missing"  # it has no float network
    wish = {"kind": "evaluate", "model": row["id"], "port": "emulated"}
    job = trained.post("/api/jobs", wish)["id"]
    assert trained.send("DELETE", f"/api/models/{row['id']}").code == "studio.busy"
    end = ended(trained, job)
    assert end["result"]["int8"] == row["accuracy"]
    assert (end["result"]["board"]["differ"], end["result"]["board"]["photos"]) == (0, 2)
    assert trained.get("/api/project")["models"][0]["board"] == end["result"]["board"]


def test_a_training_that_cannot_be_is_refused(trained: RunningStudio) -> None:
    groups = {row["name"]: row["id"] for row in trained.get("/api/project")["classes"]}
    trained.send("DELETE", f"/api/classes/{groups['pen']}")
    refused = trained.send("POST", "/api/jobs", {"kind": "train"})
    assert (refused.status, refused.code) == (400, "dataset.classes")
    for wrong in ({"alpha": 7}, {"blocks": 4}, {"architecture": "mobilenet_v2", "blocks": 5}):
        assert trained.send("POST", "/api/jobs", {"kind": "train", **wrong}).code == "studio.request"
    assert trained.send("POST", "/api/jobs", {"kind": "../child"}).code == "studio.request"
