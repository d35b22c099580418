# SPDX-License-Identifier: MIT
"""Verdicts on damaged models: the engine's, compared with TensorFlow Lite Micro's.

for mutant, verdict in judge(range(4711, 4712)): ...
"""

from functools import cache

from interpreter_under_test import InterpreterUnderTest, Verdict
from oracle import Oracle

from support import mutations

_SMALL = 1 << 14  # largest file in bytes that is run with the smallest heap


@cache
def _tools() -> tuple[InterpreterUnderTest, InterpreterUnderTest, Oracle]:
    """What each process of the campaign keeps: interpreters for small and for large files, and TFLM."""
    return InterpreterUnderTest(_SMALL), InterpreterUnderTest(_SMALL), Oracle()


def judge(numbers: range) -> list[tuple[mutations.Mutant, Verdict]]:
    """Returns the verdicts on some mutants; a result that differs from TFLM's is a fault too."""
    small, large, oracle = _tools()
    judged = []
    for mutant in map(mutations.mutant, numbers):
        verdict = (small if len(mutant.data) <= _SMALL else large).judge(mutant.data)
        if verdict.outcome == "ok":
            verdict = _compared(verdict, oracle.expected(mutant.data))
        judged.append((mutant, verdict))
    return judged


def _compared(verdict: Verdict, expected: int | None) -> Verdict:
    if expected is None:
        return Verdict("ok, refused by TFLM", verdict.detail, verdict.heap)
    if expected != int(verdict.detail.split()[-1]):
        return Verdict("fault", "the result differs from TFLM's", verdict.heap)
    return Verdict("ok, as TFLM", verdict.detail, verdict.heap)
