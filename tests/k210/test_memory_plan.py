# SPDX-License-Identifier: MIT
"""Memory planning: buffers that are live at the same time do not overlap."""

import numpy as np

from galago.targets.k210 import memory_plan
from galago.targets.k210.cpu_layers import Softmax
from galago.targets.k210.memory_plan import Buffer, Location, LoweredLayer


def test_planned_buffers_never_overlap_while_they_live() -> None:
    rng = np.random.default_rng(9)
    for _ in range(50):
        buffers = [Buffer("main", int(rng.integers(1, 5000))) for _ in range(12)]
        steps = []
        for _ in range(20):
            a, b = rng.choice(12, 2, replace=False)
            steps.append(
                LoweredLayer(Softmax(), {"input": Location(buffers[a]), "output": Location(buffers[b], 3)})
            )
        kept = steps[-1].locations["output"].buffer
        used = memory_plan.plan(steps, [kept])["main"]
        lives = {}
        for number, step in enumerate(steps):
            for name, spot in step.locations.items():
                assert getattr(step.layer, name) == spot.buffer.address + spot.offset
                lives.setdefault(spot.buffer, []).append(number)
        lives[kept].append(len(steps))
        for one, mine in lives.items():
            assert one.address % 8 == 0
            assert one.address + one.size <= used
            for other, its in lives.items():
                apart = one.address + one.size <= other.address or other.address + other.size <= one.address
                assert one is other or apart or mine[0] > its[-1] or its[0] > mine[-1]
