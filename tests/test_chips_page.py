# SPDX-License-Identifier: MIT
"""docs/chips.md is what the figures of the emulated chips say, and `make chips` says what it needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docgen import benchmarks, chip_cuts, chips
from docgen.chip_runs import CHIPS
from galago import boards
from galago.emulator import littlefs
from support.requirements import extra_module

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_pages_show_the_figures() -> None:
    assert (DOCS / "chips.md").read_text() == chips.page(chips.read_figures())
    assert "\n".join(benchmarks._whole()) in (DOCS / "benchmarks.md").read_text()


def test_without_an_image_it_says_which_there_are(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_IMAGE")}
    command = [sys.executable, "-m", "docgen.chips", str(tmp_path / "page.md")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert [chip.variable for chip in CHIPS if chip.variable not in done.stderr] == []
    assert not (tmp_path / "page.md").exists()


def test_an_image_that_cannot_run_is_an_error(tmp_path: Path) -> None:
    image = tmp_path / "firmware.uf2"
    image.write_bytes(b"no image")
    command = [sys.executable, "-m", "docgen.chips", str(tmp_path / "page.md")]
    environment = {**os.environ, "GALAGO_RP2040_IMAGE": str(image)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "board.emulator" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_ran_gave_the_same_answers_as_tensorflow_lite_micro() -> None:
    """The figures in the repository are those of runs without a fault."""
    figures = chips.read_figures()
    for core in {chip.core for chip in CHIPS} & set(figures):
        if "evaluate" in figures[core]:
            assert figures[core]["evaluate"]["board"]["differ"] == 0
        assert all("top" in line for line in figures[core]["boot"][1:])
    assert figures["cuts"]["cuts"] == figures["cuts"]["old"] + figures["cuts"]["new"]
    assert all("top" in lines[-1] for lines in figures["cuts"]["booted"].values())


def test_cuts_are_judged_by_what_micropython_makes_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A switch as galago_switch.py makes it, written by LittleFS, cut at every change; no chip is needed."""
    extra_module("littlefs", extra="chips")
    from support.recorded_flash import recorded

    board = boards.load("RPI_PICO")

    def switch(system) -> None:
        names = ("/model", "/galago.json")
        for name in names:
            with system.open(name + ".new", "w") as file:
                file.write("new")
        with system.open("/galago.switch.json.part", "w") as file:
            json.dump({"files": names, "remove": []}, file)
        system.rename("/galago.switch.json.part", "/galago.switch.json")
        for name in names:
            system.rename(name + ".new", name)
        system.remove("/galago.switch.json")

    before = littlefs.build({"/model": b"old", "/galago.json": b"old", "/main.py": b""}, board.filesystem)
    changes, _ = recorded(before, tmp_path / "journal", switch)
    monkeypatch.setattr(chip_cuts, "identify", lambda image: board)
    monkeypatch.setattr(chip_cuts, "record", lambda image, folder: chip_cuts.Recorded(before, changes, 6))
    monkeypatch.setattr(chip_cuts, "_booted", lambda image, memory, model: [{"top": model}])
    outcome = chip_cuts.run(tmp_path, len(changes), lambda text: None)
    assert outcome.mixed == 0
    assert outcome.old + outcome.new == outcome.cuts == len(changes)
    assert set(outcome.booted) == {chip_cuts.OLD, chip_cuts.NEW}
