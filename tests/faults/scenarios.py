# SPDX-License-Identifier: MIT
"""The faults, and what must hold after each.

for case in power_cuts(bench, bench.old): ...       # Case.problem is empty if all conditions held

After each fault the board boots and runs the old model or the new one, and a repeated flash finishes by
uploading only what has not arrived: at most the unflushed part of one file is sent twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from board_under_test import SETTINGS, BoardUnderTest, Outcome, runs

from galago import boards, flash, transport
from galago.emulator.faults import Faults, Noise
from galago.errors import GalagoError
from galago.flash import install
from galago.transport import upload
from support.tiny_model import make_model

BOARD, ROM_BOARD = "RPI_PICO", "PYBD_SF2"
_TWICE = upload.FLUSH_INTERVAL + upload.PIECE  # bytes that may have to be uploaded again


@dataclass(frozen=True)
class Case:
    """One fault and what came of it. `ran` is the model that the board ran afterwards, if any."""

    fault: str
    error: str
    """The error code that the user saw; empty if the flash succeeded all the same."""
    ran: str | None
    again: int
    """Bytes that the repeated flash uploaded."""
    twice: int
    """How many of these bytes had been uploaded before."""
    problem: str


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What a case does besides flashing before and after the fault; `work` and `again_by` get the port."""

    prepare: Callable[[BoardUnderTest], None] = lambda subject: None
    work: Callable[[str], None] | None = None
    """What to do while the faults happen, in place of a flash."""
    repair: Callable[[BoardUnderTest], None] = lambda subject: None
    again_by: Callable[[str], None] | None = None
    """What to do afterwards, in place of a flash."""


PLAIN = Steps()


class FaultBench:
    """Boards in files of a folder: `old` runs the first model with an older package, `empty` has nothing."""

    def __init__(self, folder: Path) -> None:
        self.first, self.second = make_model(folder, "first", 1), make_model(folder, "second", 2)
        board = boards.load(BOARD)
        self.old, self.empty = (
            BoardUnderTest(folder / "old.img", board),
            BoardUnderTest(folder / "empty.img", board),
        )
        self.old.prepare(self.first)
        with self.empty.on():
            pass

    def fresh(self, base: BoardUnderTest) -> BoardUnderTest:
        """Return a copy of `base`, flash included."""
        work = BoardUnderTest(base.image.with_name("work.img"), base.board)
        work.copy_of(base)
        return work

    def case(
        self, fault: str, base: BoardUnderTest, faults: Faults | None = None, steps: Steps = PLAIN
    ) -> Case:
        """Flash while `faults` happen, boot, flash without faults, boot."""
        subject = self.fresh(base)
        steps.prepare(subject)
        outcome = subject.attempt(self.second, faults, steps.work)
        lines = subject.boot()
        steps.repair(subject)
        again = subject.attempt(self.second, work=steps.again_by)
        after = runs(subject.boot())
        twice = (
            max(0, outcome.uploaded + again.total - outcome.total) if outcome.error and outcome.total else 0
        )
        code = outcome.error.code if outcome.error else ""
        problem = self._problem(base, outcome, lines, again, after)
        if not problem and twice > _TWICE:
            problem = f"{twice} bytes were uploaded twice"
        return Case(fault, code, runs(lines), again.uploaded, twice, problem)

    def _problem(
        self, base: BoardUnderTest, outcome: Outcome, lines: list[dict], again: Outcome, after: str | None
    ) -> str:
        """Return which condition does not hold. `lines` came after the fault, `after` runs at the end."""
        ran = runs(lines)
        if base is self.empty and not lines:
            ran = self.first.name  # there was nothing to run, and nothing runs
        if ran not in (self.first.name, self.second.name):
            return f"afterwards the board printed {lines}"
        if not outcome.error and ran != self.second.name and base is not self.empty:
            return "the flash succeeded, and the board runs the old model"
        if again.error:
            return f"the repeated flash failed: {again.error}"
        if after != self.second.name and base is not self.empty:
            return f"after the repeated flash the board runs {after}"
        return ""


def power_cuts(bench: FaultBench, base: BoardUnderTest, step: int = 1, first: int = 1) -> Iterator[Case]:
    """The power fails in every `step`-th write, half of which is done, until a flash gets through."""
    number = first
    while True:
        case = bench.case(f"power fails in write {number}", base, Faults(power_at=number))
        if not case.error:
            return
        yield case
        number += step


def power_cuts_in_rollback(bench: FaultBench, step: int = 1) -> Iterator[Case]:
    """As power_cuts, while `--rollback` returns from the second model to the first."""
    both = bench.fresh(bench.old)
    both.attempt(bench.second)
    kept = BoardUnderTest(both.image.with_name("both.img"), both.board)
    kept.copy_of(both)
    number = 1
    while True:
        faults = Faults(power_at=number)
        case = bench.case(f"power fails in write {number}", kept, faults, Steps(work=_roll_back))
        if not case.error:
            return
        yield case
        number += step


def _roll_back(port: str) -> None:
    with transport.connect(port) as device:
        flash.roll_back(device)


def power_cuts_in_romfs(bench: FaultBench, step: int = 1, first: int = 1) -> Iterator[Case]:
    """As power_cuts, on a board that runs the first model from its ROMFS, where the second is to go."""
    base = BoardUnderTest(bench.old.image.with_name("rom.img"), boards.load(ROM_BOARD))
    base.prepare_rom(bench.first)

    def put(port: str) -> None:
        install.install(port, install.InstallOptions(model=bench.second))

    number = first
    while True:
        faults = Faults(power_at=number)
        case = bench.case(f"power fails in write {number}", base, faults, Steps(work=put, again_by=put))
        if not case.error:
            return
        yield case
        number += step


def traffic(bench: FaultBench) -> int:
    """Return how many bytes a host sends while it flashes the second model."""
    faults = Faults()
    bench.fresh(bench.old).attempt(bench.second, faults)
    return faults.arrived


def lost_boards(bench: FaultBench, points: int) -> Iterator[Case]:
    """The cable is pulled, or the board restarts by itself, at points spread evenly over what is sent."""
    total = traffic(bench)
    for point in range(points):
        after = total * point // points
        yield bench.case(f"unplugged after {after} bytes", bench.old, Faults(unplug_after=after))
        yield bench.case(f"restarts after {after} bytes", bench.old, Faults(reset_after=after))


def stalls(bench: FaultBench, points: int) -> Iterator[Case]:
    """The board falls silent for a while: its output is lost."""
    total = traffic(bench)
    for point in range(points):
        after = total * point // points
        yield bench.case(f"silent after {after} bytes", bench.old, Faults(stall_after=after, stall=0.2))


def noise(bench: FaultBench, seeds: int) -> Iterator[Case]:
    """Bytes are flipped, dropped or inserted, on the way to the board or from it."""
    for seed in range(seeds):
        share = (1e-3, 1e-4, 2e-5)[seed % 3]
        kind = ("flipped", "dropped", "added")[seed // 3 % 3]
        noise_source = Noise(seed, **{kind: share})
        to_board = seed // 9 % 2 == 0
        faults = Faults(to_board=noise_source) if to_board else Faults(to_client=noise_source)
        way = "board" if to_board else "client"
        yield bench.case(f"{share:g} of the bytes {kind} to {way}", bench.old, faults)


def bad_disks(bench: FaultBench, room: Sequence[int] = (0, 20_000, 60_000)) -> Iterator[Case]:
    """The file system is read-only, or has no room left."""
    yield bench.case("file system read-only", bench.old, Faults(read_only=True))
    for free in room:

        def fill(subject: BoardUnderTest, free: int = free) -> None:
            with subject.on() as emulated, transport.connect(emulated.port) as device:
                code = "import os; s = os.statvfs('/'); print(s[0] * s[3])"
                left = int(device.exec(code)) - free - 16_384  # what boots and the file itself take
                device.put(bytes(left), "/fill")

        def clear(subject: BoardUnderTest) -> None:
            with subject.on() as emulated, transport.connect(emulated.port) as device:
                device.remove("/fill")

        yield bench.case(f"{free} bytes free", bench.old, steps=Steps(prepare=fill, repair=clear))


def two_hosts(bench: FaultBench) -> Iterator[Case]:
    """A second program opens the port while the first one flashes."""

    def flash_and_knock(port: str) -> None:
        refused: list[str] = []

        def knock(path: str, done: int) -> None:
            try:
                transport.connect(port).close()
            except GalagoError as error:
                refused.append(error.code)

        with transport.connect(port) as device:
            flash.boot_plan(device, bench.second, SETTINGS, None).run(knock)
        assert refused
        assert set(refused) == {"port.busy"}

    yield bench.case("a second host", bench.old, steps=Steps(work=flash_and_knock))
