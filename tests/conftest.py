# SPDX-License-Identifier: MIT
"""What all tests share: the MicroPython interpreter, the test data, and what `make test-fast` leaves out."""

import ast
import os
import shutil
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from galago.resources import firmware_dir
from support import interpreter, requirements

TESTS = Path(__file__).resolve().parent
DATA = Path(os.environ.get("GALAGO_DATA", TESTS.parents[1] / "shared" / "data"))

SLOW_FOLDERS = {"faults", "fuzz", "k210", "native", "runtimes", "train"}
"""Folders of tests that run for minutes: they simulate processors, train, or damage thousands of files."""
SLOW_IMPORTS = {"keras", "sklearn.metrics", "galago.quantize", "galago.train", "support.mobilenets"}
"""A test file that imports one of these needs TensorFlow, or builds networks with it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="leave out tests that need TensorFlow or minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Registers marks, and gives Keras a writable copy of its weights."""
    config.addinivalue_line("markers", "slow: takes seconds; left out with --fast")
    config.addinivalue_line(
        "markers", "requires(program, debian): the test runs a program of a Debian package"
    )
    _copy_keras_weights(config)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --fast, slow files are not even imported, so that TensorFlow is not either."""
    if not config.getoption("--fast"):
        return None
    if collection_path.is_dir():
        return collection_path.name in SLOW_FOLDERS or None
    return bool(_imports(collection_path) & SLOW_IMPORTS) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--fast"):
        items[:] = [item for item in items if item.get_closest_marker("slow") is None]


def pytest_runtest_setup(item: pytest.Item) -> None:
    requirements.check(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Keeps --fast fast: a test that imports TensorFlow has to be marked as slow, or be in a slow file."""
    before = "tensorflow" in sys.modules
    yield
    if item.config.getoption("--fast") and not before and "tensorflow" in sys.modules:
        pytest.fail("--fast imported TensorFlow: mark the test as slow", pytrace=False)


def _imports(path: Path) -> set[str]:
    """Returns the names of the modules that a test file imports, those of extra_module() among them."""
    found: set[str] = set()
    if path.suffix != ".py":
        return found
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) == "extra_module":
            found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def _copy_keras_weights(config: pytest.Config) -> None:
    """Copies Keras' weights from the test data to pytest's cache; Keras reads KERAS_HOME when imported."""
    weights = DATA / "keras"
    if not weights.is_dir() or "KERAS_HOME" in os.environ:
        return
    assert config.cache
    home = config.cache.mkdir("keras") / "home"
    if not home.is_dir():
        part = home.with_name(f"part-{os.getpid()}")
        shutil.copytree(weights, part, copy_function=shutil.copyfile)
        try:
            part.rename(home)
        except OSError:  # another process of pytest-xdist was first
            shutil.rmtree(part)
    os.environ["KERAS_HOME"] = str(home)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real weights and pictures, which are not part of the project (GALAGO_DATA)."""
    if not DATA.is_dir():
        requirements.missing(f"needs the test data: no folder {DATA}")
    return DATA


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The device package as .mpy files for the host's interpreter: loads faster than the source."""
    from galago.fit import package  # not needed by most tests

    folder = tmp_path_factory.mktemp("compiled")
    for source, data in package.compiled("x64").items():
        target = folder / source.relative_to(firmware_dir()).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def micropython() -> Callable[..., str]:
    """Runs a script in the MicroPython interpreter and returns what it printed."""
    return interpreter.run
