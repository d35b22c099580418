# SPDX-License-Identifier: MIT
"""A training outlives the server, and can be paused, stopped and resumed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_a_training_outlives_its_server(trained: RunningStudio, data: Path) -> None:
    wish = {"kind": "train", "architecture": "mobilenet_v1", "alpha": 0.25, "size": 64}
    job = trained.post("/api/jobs", wish)["id"]
    assert trained.send("POST", "/api/jobs", {"kind": "quick"}).code == "studio.busy"
    before = trained.until(f"/api/jobs/{job}", lambda value: epochs(value) or value["error"])
    trained.kill()
    trained.start()
    after = trained.until(f"/api/jobs/{job}", lambda value: len(epochs(value)) > len(epochs(before)))
    assert [line["epoch"] for line in epochs(after)] == list(range(1, len(epochs(after)) + 1))
    assert "<svg" in after["charts"]["loss"]
    assert trained.post(f"/api/jobs/{job}/pause")["state"] == "paused"
    trained.kill()
    trained.start()
    assert trained.get(f"/api/jobs/{job}")["state"] == "paused"
    assert trained.post(f"/api/jobs/{job}/resume")["state"] == "running"
    trained.post(f"/api/jobs/{job}/stop")
    trained.until(f"/api/jobs/{job}", lambda value: value["state"] == "stopped")


def epochs(job: dict) -> list[dict]:
    return [line for line in job["lines"] if line["type"] == "epoch"]


def test_a_quick_model_answers_without_a_long_training(trained: RunningStudio) -> None:
    job = trained.post("/api/jobs", {"kind": "quick"})["id"]
    end = trained.until(f"/api/jobs/{job}", lambda value: value["state"] not in ("running", "paused"))
    assert end["state"] == "done", end
    row = trained.get("/api/project")["models"][0]
    assert (row["id"], row["quick"], row["labels"]) == (end["result"]["model"], True, ["cup", "pen"])
    answers = trained.get(f"/api/models/{row['id']}/answers")
    assert len(answers["photos"]) == 2
    assert {each["is"] for each in answers["photos"]} == {0, 1}
    again = trained.post("/api/jobs", {"kind": "evaluate", "model": row["id"]})["id"]
    end = trained.until(f"/api/jobs/{again}", lambda value: value["state"] not in ("running", "paused"))
    assert end["result"]["int8"] == row["accuracy"]


def test_a_training_that_cannot_be_is_refused(trained: RunningStudio) -> None:
    groups = {row["name"]: row["id"] for row in trained.get("/api/project")["classes"]}
    trained.send("DELETE", f"/api/classes/{groups['pen']}")
    refused = trained.send("POST", "/api/jobs", {"kind": "train"})
    assert (refused.status, refused.code) == (400, "dataset.classes")
    assert trained.send("POST", "/api/jobs", {"kind": "train", "alpha": 7}).code == "studio.request"
    assert trained.send("POST", "/api/jobs", {"kind": "../child"}).code == "studio.request"
