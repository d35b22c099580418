# SPDX-License-Identifier: MIT
"""The installed wheel works outside the checkout: boards, models and firmware travel with it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as pip would lay it into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("galago-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    argv = [sys.executable, "-m", "galago", *arguments]
    return subprocess.run(
        argv, cwd=installed.parent, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_wheel_carries_what_the_checkout_has(installed: Path) -> None:
    share = installed / "galago" / "share"
    for pattern in ("boards/*.toml", "models/*/model.*", "firmware/**/*.py"):
        wanted = {path.relative_to(ROOT) for path in ROOT.glob(pattern)}
        assert wanted
        assert {path.relative_to(share) for path in share.glob(pattern)} == wanted


def test_classify_works_from_the_wheel(installed: Path) -> None:
    photo = subprocess.run(
        [sys.executable, "-m", "galago.dataset.standard_photos"], capture_output=True, text=True, check=True
    ).stdout.split()[3]
    done = run(installed, "classify", "--json", photo)
    assert done.returncode == 0, done.stderr
    assert '"label": "rocket"' in done.stdout
    # It was the wheel that ran, not the checkout behind the editable install.
    where = run_python(installed, "import galago; print(galago.__file__)")
    assert Path(where).is_relative_to(installed)


def run_python(installed: Path, script: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=installed.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
