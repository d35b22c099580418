# SPDX-License-Identifier: MIT
"""The wheel works outside the checkout: it holds boards, models and firmware, and nothing else."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as pip installs it into site-packages."""
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
        argv, cwd=installed.parent, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_the_wheel_holds_what_the_checkout_has(installed: Path) -> None:
    share = installed / "galago" / "share"
    for pattern in ("boards/*.toml", "models/*/model.*", "firmware/**/*.py"):
        expected = {path.relative_to(ROOT) for path in ROOT.glob(pattern)}
        assert expected
        assert {path.relative_to(share) for path in share.glob(pattern)} == expected


def test_the_wheel_leaves_out_what_only_training_needs(installed: Path) -> None:
    share = installed / "galago" / "share"
    assert not [path for name in ("float.keras", "report.*") for path in share.glob(f"models/*/{name}")]
    assert not list(installed.rglob("docgen"))
    for directory in (share / "models").iterdir():
        assert directory.is_file() or (directory / "model.tflite").is_file(), f"{directory.name} has no model"
    size = sum(path.stat().st_size for path in installed.rglob("*") if path.is_file())
    assert size < 5_000_000


def test_the_description_links_only_to_absolute_addresses(installed: Path) -> None:
    """A package index shows the README, and lists the project's addresses."""
    (path,) = installed.glob("galago-*.dist-info/METADATA")
    headers, _, description = path.read_text().partition("\n\n")
    targets = re.findall(r"\]\(([^)]+)\)", description)
    assert len(targets) > 10
    assert not [target for target in targets if not target.startswith(("https://", "#"))]
    repository = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
    assert f"Project-URL: Repository, {repository}" in headers.splitlines()
    prefix = f"{repository}/blob/main/"
    files = [target.removeprefix(prefix).split("#")[0] for target in targets if target.startswith(prefix)]
    assert files
    assert not [file for file in files if not (ROOT / file).exists()]


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


def test_a_project_tests_itself_with_the_fixture_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    """pytest finds the fixture by the wheel's entry point."""
    project = shutil.copytree(ROOT / "examples" / "blinky-tests", tmp_path / "blinky")
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(project)]
    done = subprocess.run(
        argv, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


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
