# SPDX-License-Identifier: MIT
"""galago export --to js: a module for other pages, here for Node."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import models
from galago.cli import app
from galago.errors import GalagoError
from galago.pictures import as_board
from galago.tflite.tflm import Tflm
from galago.web import js_folder
from support.requirements import requires

MODEL = models.find("flowers-v1-025-96")

USE = """
import fs from "node:fs";
import { load } from "./flowers.mjs";
const net = await load({ simd: process.argv[3] === "simd" });
const result = await net.classify(new Blob([fs.readFileSync(process.argv[2])]), 2);
console.log(JSON.stringify({ ...result, ms: null, simd: net.network.simd }));
"""


def test_modules_that_become_one_script_declare_each_name_once() -> None:
    declared: Counter[str] = Counter()
    for module in js_folder().glob("*.js"):
        text = module.read_text()
        for names in re.findall(
            r"^(?:export )?(?:async )?(?:const|let|function|class) (\[.+?\]|\{.+?\}|\w+)", text, re.M
        ):
            declared.update(re.findall(r"\w+", names))
    assert len(declared) > 50
    assert [name for name, count in declared.items() if count > 1] == []


@requires("node", debian="nodejs")
def test_the_module_classifies_a_file(tmp_path: Path) -> None:
    out = tmp_path / "flowers.mjs"
    done = CliRunner().invoke(app, ["export", MODEL.name, "--to", "js", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "load(options" in (tmp_path / "flowers.d.ts").read_text()
    (tmp_path / "use.mjs").write_text(USE)
    picture = tmp_path / "noise.jpg"
    noise = np.random.default_rng(2).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(noise).resize((300, 200)).save(picture)
    probabilities = MODEL.probabilities(
        Tflm(MODEL.tflite.read_bytes()).run(as_board(picture, 96, 96)).reshape(1, -1)
    )[0]
    order = np.argsort(-probabilities, kind="stable")[:2].tolist()
    expected = {
        "top": [{"label": MODEL.labels[i], "index": i, "confidence": probabilities[i]} for i in order],
        "unknown": bool(probabilities[order[0]] < MODEL.contract["unknown_below"]),
        "decodedBy": "board",
        "ms": None,
    }
    for way in ("simd", "plain"):
        answer = subprocess.run(
            ["node", tmp_path / "use.mjs", picture, way], check=True, capture_output=True, timeout=120
        )
        assert json.loads(answer.stdout) == {**expected, "simd": way == "simd"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "pdf"], "expected --to web, web-app or js, got pdf"),
        (["-o", "."], "expected -o FILE, got the folder"),
    ],
)
def test_wrong_options_are_named(arguments: list[str], message: str) -> None:
    with pytest.raises(GalagoError, match=message):
        CliRunner().invoke(app, ["export", MODEL.name, *arguments], catch_exceptions=False)
