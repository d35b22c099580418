# SPDX-License-Identifier: MIT
"""Verbs work whatever a desk's settings: encoding, colors, width, umask, home directory, odd paths."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from galago import importer
from support.tiny_model import make_model

ROOT = Path(__file__).resolve().parents[1]
FIT = [sys.executable, "-m", "galago", "fit", "Modelle für Äpfel/Kürbis.tflite", "--board", "RPI_PICO2"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a .tflite and its labels, in paths with spaces and umlauts."""
    folder = tmp_path_factory.mktemp("desk")
    models = folder / "Modelle für Äpfel"
    models.mkdir()
    model = make_model(folder, "red", 1)
    (models / "Kürbis.tflite").write_bytes(model.tflite.read_bytes())
    (models / "labels.txt").write_text("\n".join(["猫", *model.labels[1:]]), encoding="utf-8")
    return folder


def settings(desk: Path, **more: str) -> dict[str, Any]:
    """Arguments of subprocess.run for a verb on this desk."""
    cache = desk / "Zwischen speicher"
    return {"cwd": desk, "env": os.environ | {"GALAGO_CACHE": str(cache), "COLUMNS": "100", **more}}


def fit(desk: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(FIT, capture_output=True, encoding="utf-8", check=False, **settings(desk, **more))


def test_two_runs_at_once(desk: Path) -> None:
    """Both import the same model into the same cache, which is new and has a space in its name."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    runs = [subprocess.Popen(FIT, **pipes | settings(desk)) for _ in range(2)]
    outputs = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert "fits RPI_PICO" in outputs[0][0]


def test_the_locale_c_without_utf_8(desk: Path) -> None:
    done = fit(desk, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    assert "##" in done.stdout
    assert done.stdout.isascii()


def test_forty_columns_without_a_terminal(desk: Path) -> None:
    done = fit(desk, COLUMNS="40")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 40
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_on_a_terminal(desk: Path, variables: dict[str, str], colored: bool) -> None:
    master, slave = os.openpty()
    done = subprocess.run(FIT, stdout=slave, check=True, **settings(desk, TERM="xterm", **variables))
    os.close(slave)
    shown = os.read(master, 1 << 16)
    os.close(master)
    assert done.returncode == 0
    assert (b"\x1b[3" in shown) == colored  # 30 to 37 are colors


def test_umask_077(desk: Path) -> None:
    """What it writes is its user's alone."""
    options = settings(desk, GALAGO_CACHE=str(desk / "private"))
    subprocess.run(FIT, capture_output=True, check=True, umask=0o077, **options)
    modes = [path.stat().st_mode & 0o777 for path in (desk / "private").rglob("*")]
    assert modes
    assert not [mode for mode in modes if mode & 0o077 or not mode & 0o400]


def test_a_home_that_cannot_be_written(desk: Path) -> None:
    done = fit(desk, HOME="/dev/null/home", GALAGO_CACHE="", XDG_CACHE_HOME="")
    assert done.returncode == 2
    assert done.stderr.startswith("galago: /dev/null/home/.cache/galago: ")
    assert "GALAGO_CACHE" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe4.tflite"))
    path.write_bytes(b"")
    assert importer.cache_path(path) == importer.cache_path(path)


def test_text_is_utf_8_on_every_system() -> None:
    """Ruff's PLW1514 finds what it can infer to be a path or a file; this finds the other calls."""
    found = []
    for path in (ROOT / "tools").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "device" in path.parts or not ("_text(" in source or "text=True" in source):
            continue  # MicroPython knows UTF-8 alone
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                names = {keyword.arg for keyword in node.keywords}
                text = isinstance(node.func, ast.Attribute) and node.func.attr in ("read_text", "write_text")
                if (text or "text" in names) and "encoding" not in names:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found
