# SPDX-License-Identifier: MIT
"""Every file of `operators`: its name, its kernel, and its results in random shapes and quantizations."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from galago.resources import firmware_dir
from galago.tflite import schema
from galago.tflite.tflm import Tflm
from support import operator_models

ROOT = Path(__file__).resolve().parents[3]
ENGINE = firmware_dir() / "mobilenet" / "tflite"
OPERATORS = sorted(path.stem for path in (ENGINE / "operators").glob("*.py") if path.stem != "__init__")
MODELS, INPUTS = 25, 8

NAMED = """
from mobilenet.tflite.operators import name
for number in range(int(argv[0])):
    print(name(number))
"""


def test_the_engine_knows_operators_by_the_names_of_the_schema(micropython) -> None:
    numbers = {name: schema.constant("BuiltinOperator", name.upper()) for name in OPERATORS}
    named = micropython(NAMED, max(numbers.values()) + 1).split()
    assert {name: named[number] for name, number in numbers.items()} == {n: n for n in OPERATORS}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_tested(name: str) -> None:
    assert name in operator_models.names(), (
        f"operators/{name}.py has no test: add `@operator def {name}(draw: Draw) -> bytes` to "
        "tests/support/operator_models.py; tests and fuzzer use it"
    )


def test_the_documentation_lists_the_operators() -> None:
    text = (ROOT / "docs" / "operators.md").read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    listed = [name.lower() for row in rows for name in re.findall(r"[A-Z][A-Z0-9_]+", row)]
    assert sorted(listed) == OPERATORS, "docs/operators.md: a row is missing or too many"


@pytest.mark.parametrize("name", OPERATORS)
def test_random_models_are_exact(exact, name: str) -> None:
    cases = []
    for number in range(MODELS):
        seed = zlib.crc32(name.encode()) + number
        model = operator_models.build(name, seed)
        rng = np.random.default_rng(seed)
        pictures = rng.integers(-128, 128, (INPUTS, *Tflm(model).input_shape)).astype(np.int8)
        pictures[-1] = rng.choice(np.array([-128, 127], np.int8), pictures.shape[1:])
        cases.append((model, pictures))
    exact(cases)
