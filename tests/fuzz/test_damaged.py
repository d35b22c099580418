# SPDX-License-Identifier: MIT
"""A short run of the fuzzer, and every file that it ever found; `make fuzz` runs it at full length."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import regressions
import texts
from interpreter_under_test import InterpreterUnderTest
from oracle import Oracle

from support import mutations, seeds

SMALL = 1 << 14
COUNT = 1200


@pytest.fixture(scope="module")
def board() -> Iterator[InterpreterUnderTest]:
    with InterpreterUnderTest(SMALL) as board:
        yield board


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as oracle:
        yield oracle


@pytest.mark.parametrize("name", seeds.small())
def test_undamaged_files_run_as_tflm(board, oracle, name) -> None:
    """Checks the fuzzer itself: undamaged files are accepted, and both sides get the same input."""
    model = seeds.small()[name]
    verdict = board.judge(model)
    assert verdict.outcome == "ok", verdict
    assert oracle.expected(model) == int(verdict.detail.split()[-1])


@pytest.mark.parametrize("case", regressions.cases(), ids=lambda case: case[0])
def test_regressions(board, oracle, case) -> None:
    _, model, outcome = case
    verdict = board.judge(model)
    assert verdict.outcome in outcome.split(" or "), verdict
    if verdict.outcome == "ok":
        assert oracle.expected(model) in (None, int(verdict.detail.split()[-1])), verdict


def test_damaged_files(board, oracle) -> None:
    """The outcome is success with TFLM's output, or a GalagoError; and nothing stays in memory."""
    outcomes: Counter[str] = Counter()
    for model in seeds.small().values():
        board.judge(model)
    heap = board.judge(b"refused").heap  # with all kernels and the loading half imported
    for mutant in map(mutations.mutant, range(COUNT)):
        if len(mutant.data) > SMALL:
            continue
        verdict = board.judge(mutant.data)
        outcomes[verdict.outcome] += 1
        assert verdict.outcome == "ok" or "." in verdict.outcome, (mutant.number, mutant.kind, verdict)
        assert verdict.heap < heap + 4096, (mutant.number, mutant.kind, verdict)
        if verdict.outcome == "ok":
            expected = oracle.expected(mutant.data)
            assert expected in (None, int(verdict.detail.split()[-1])), (mutant.number, mutant.kind, verdict)
    # Mutants that are all refused, or all accepted, would prove little.
    assert outcomes["ok"] > COUNT // 8
    assert outcomes["model.malformed"] > COUNT // 8
    assert {"model.operator", "model.quantization"} < set(outcomes)


def test_an_overrun_is_detected(tmp_path) -> None:
    """Checks the fuzzer itself: kernels that write or read one byte beyond the arena are detected."""
    script = Path(__file__).with_name("on_board.py").read_text()
    for act, word in [("ptr8(arena)[size] = 1", "writes"), ("out[0] = ptr8(arena)[size]", "reads")]:
        broken = f"""
import mobilenet.tflite.kernels.reshape as reshape
@micropython.viper
def overrun(arena, size: int, out: ptr8):
    {act}
def run(net, at, first, last):
    overrun(net.arena, len(net.arena), net.output)
reshape.run = run
"""
        (tmp_path / "overrun.py").write_text(script.replace("blocks = []", f"{broken}\nblocks = []", 1))
        with InterpreterUnderTest(SMALL, script=tmp_path / "overrun.py") as board:
            verdict = board.judge(seeds.small()["reshape"])
        assert verdict.outcome == "fault"
        assert verdict.detail.startswith(word), verdict


@pytest.fixture
def reader() -> Iterator[InterpreterUnderTest]:
    with InterpreterUnderTest(SMALL, script=Path(__file__).with_name("on_board_json.py")) as board:
        (board.folder / "model.tflite").write_bytes(texts.TFLITE)
        yield board


def test_damaged_contracts_and_configs(reader) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(2000):
        text = texts.text(number)
        verdict = reader.judge(text)
        outcomes[verdict.outcome] += 1
        assert verdict.outcome == "ok" or "." in verdict.outcome, (number, text[:300], verdict)
    assert outcomes["ok"] > 100
    assert {"config.invalid", "model.contract", "model.hash", "model.missing"} < set(outcomes)


@pytest.mark.parametrize("depth", [100, 2000, 5000, 100_000])
@pytest.mark.parametrize("start", [b"m", b"g"])
def test_deeply_nested_json(reader, start, depth) -> None:
    """The parser keeps its stack in the heap, which runs out; printing a value recurses."""
    for text in (
        b"[" * depth,
        b'{"a":' * depth,
        b'{"galago":' + b"[" * depth + b"]" * depth + b"}",
        b'{"model":' + b"[" * depth + b"]" * depth + b"}",
    ):
        verdict = reader.judge(start + text)
        assert "." in verdict.outcome, verdict
        assert len(verdict.detail) < 300
