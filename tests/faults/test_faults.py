# SPDX-License-Identifier: MIT
"""A short form of `make faults`: some points of each kind of fault on the emulated board."""

from pathlib import Path

import pytest
import scenarios
from scenarios import Case, FaultBench, Steps


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> FaultBench:
    return FaultBench(tmp_path_factory.mktemp("faults"))


def check(cases: list[Case]) -> None:
    assert cases
    assert [case for case in cases if case.problem] == []


def test_power_cuts_while_a_model_is_replaced(bench: FaultBench) -> None:
    cases = list(scenarios.power_cuts(bench, bench.old, step=60, first=10))
    last = 10 + 60 * (len(cases) - 1)
    cases += scenarios.power_cuts(bench, bench.old, step=15, first=last + 15)  # the switch is at the end
    check(cases)
    assert {case.ran for case in cases} == {"first", "second"}, "cuts before and after the switch"


def test_power_cuts_while_a_board_is_set_up(bench: FaultBench) -> None:
    check(list(scenarios.power_cuts(bench, bench.empty, step=900)))


def test_power_cuts_while_a_board_is_rolled_back(bench: FaultBench) -> None:
    check(list(scenarios.power_cuts_in_rollback(bench, step=16)))


def test_power_cuts_while_a_model_in_a_romfs_is_replaced(bench: FaultBench) -> None:
    check(list(scenarios.power_cuts_in_romfs(bench, step=40)))


def test_boards_that_are_unplugged_or_restart(bench: FaultBench) -> None:
    check(list(scenarios.lost_boards(bench, 1)))


def test_boards_that_fall_silent(bench: FaultBench) -> None:
    check(list(scenarios.stalls(bench, 1)))


def test_noise(bench: FaultBench) -> None:
    check(list(scenarios.noise(bench, 2)))


def test_disks_that_take_nothing(bench: FaultBench) -> None:
    cases = list(scenarios.bad_disks(bench, [20_000]))
    check(cases)
    assert {case.error for case in cases} <= {"board.file", "board.full"}


def test_two_hosts_on_one_port(bench: FaultBench) -> None:
    check(list(scenarios.two_hosts(bench)))


def test_the_bench_sees_a_board_that_does_not_run(bench: FaultBench, tmp_path: Path) -> None:
    from galago import transport

    def damage(port: str) -> None:
        with transport.connect(port) as device:
            device.remove("/galago.json")
            device.remove("/galago.good.json")

    assert bench.case("no config", bench.old, steps=Steps(work=damage)).problem
