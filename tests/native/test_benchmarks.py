# SPDX-License-Identifier: MIT
"""The page of benchmarks, for a small model."""

import numpy as np

from docgen import benchmarks
from galago import boards
from galago.native.verify import machines
from support.builder import Builder


def test_the_page_says_what_is_measured_counted_and_estimated(monkeypatch):
    monkeypatch.setattr(benchmarks, "_ROUNDS", 1)
    graph = Builder((1, 6, 6, 3), 1 / 128, 0)
    random = np.random.default_rng(0)

    def int8(*shape):
        return random.integers(-127, 128, shape).astype(np.int8)

    y = graph.conv(graph.input, int8(4, 3, 3, 3), None, [0.01] * 4, stride=(2, 2), out=(0.1, -128))
    y = graph.depthwise(y, int8(1, 3, 3, 4), None, [0.01] * 4, out=(0.1, -128))
    y = graph.conv(y, int8(8, 1, 1, 4), None, [0.01] * 8, out=(0.1, 0))
    page = benchmarks.page(graph.finish(y))
    assert "Nothing on this page was run on silicon" in page
    assert page.index("## Whole inferences") < page.index("## Kernels, counted")
    for title in ("## Measured side by side", "## Kernels, counted", "## Kernels, estimated"):
        assert title in page
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    counted = ["armv6m", "armv7emsp", "rv32imc"] + ["xtensawin"] * (machines.missing("xtensawin") is None)
    helium = ["helium"] * (machines.missing("helium") is None)
    for engine, more in (("native", helium), ("viper", [])):
        assert [row[0] for row in rows if row[1] == f"**Galago, {engine}**"] == [*counted, *more]
    assert page.count("### Cortex-M55") == len(helium)
    assert ["armv7emsp", "CMSIS-NN, -O3", "3.30", "6.15", "8.84", "2.35"] in rows
    assert [row[0] for row in rows if len(row) == 5 and row[-1].endswith(" ms")] == [
        board.id for board in boards.all() if board.instruction_set.startswith(("armv7", *counted))
    ]
