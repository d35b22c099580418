# SPDX-License-Identifier: MIT
"""Inject faults on the emulated board, hundreds of times, and write docs/reliability.md.

    python tests/faults docs/reliability.md         # all: takes minutes
    python tests/faults --only power                # kinds whose name contains this word; nothing is written

Exits with status 1 if a condition did not hold.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))

import scenarios  # noqa: E402
from rich.console import Console  # noqa: E402
from scenarios import BOARD, ROM_BOARD, Case, FaultBench  # noqa: E402

from docgen import attacks, reliability  # noqa: E402
from galago import boards, flash, models, transport  # noqa: E402
from galago.emulator import EmulatedBoard  # noqa: E402

_RUNS = 3  # of each way to upload

KINDS: dict[str, Callable[[FaultBench], Iterator[Case]]] = {
    "power fails while a model is replaced, at every write": lambda b: scenarios.power_cuts(b, b.old),
    "power fails while an empty board is set up, at every 20th write": lambda b: scenarios.power_cuts(
        b, b.empty, 20
    ),
    "power fails during a rollback, at every write": scenarios.power_cuts_in_rollback,
    "power fails while a ROMFS is replaced, at every 12th write": lambda b: scenarios.power_cuts_in_romfs(
        b, 12
    ),
    "unplugged, or restarts by itself": lambda b: scenarios.lost_boards(b, 10),
    "silent for a while, its output is lost": lambda b: scenarios.stalls(b, 8),
    "bytes flipped, dropped or inserted": lambda b: scenarios.noise(b, 36),
    "file system read-only or full": scenarios.bad_disks,
    "a second host opens the port": scenarios.two_hosts,
}


def main() -> int:
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path, help="where to write the report")
    parser.add_argument("--only", default="", help="only kinds of faults whose name contains this")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    results: dict[str, list[Case]] = {}
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        bench = FaultBench(Path(folder))
        for kind, run in KINDS.items():
            if options.only in kind:
                with console.status(kind) as status:
                    results[kind] = list(_counted(run(bench), kind, status.update))
                bad = [case for case in results[kind] if case.problem]
                console.print(f"{kind}: {len(results[kind])} times, {len(bad)} did not hold")
                for case in bad:
                    console.print(f"  {case.fault}: {case.problem}", markup=False)
    if options.page and not options.only:
        boards_used = {"files": BOARD, "romfs": ROM_BOARD}
        page = reliability.page(results, _upload_speed(), boards_used)
        options.page.write_text(page + attacks.kept(options.page.read_text()))
    return 1 if any(case.problem for cases in results.values() for case in cases) else 0


def _counted(cases: Iterator[Case], kind: str, show: Callable[[str], None]) -> Iterator[Case]:
    for number, case in enumerate(cases, 1):
        show(f"{kind}: {number}")
        yield case


def _upload_speed() -> reliability.UploadSpeed:
    """Upload the device package and the shipped model to new boards, with Galago and with mpremote."""
    board = boards.load(BOARD)
    model = models.find("everyday-v1-025-96")
    files: dict[str, bytes] = {}
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        for _ in range(_RUNS):
            with EmulatedBoard(board) as emulated:
                start = time.perf_counter()
                with transport.connect(emulated.port) as device:
                    files = flash.device_package(device) | flash.model_files(model)
                    flash.UploadPlan(device, files).run()
                ours.append(time.perf_counter() - start)
            for path, data in files.items():
                target = Path(name) / path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            with EmulatedBoard(board) as emulated:
                command = [sys.executable, "-m", "mpremote", "connect", emulated.port, "fs", "cp", "-r"]
                start = time.perf_counter()
                folders = [str(path) for path in sorted(Path(name).iterdir())]
                subprocess.run([*command, *folders, ":/"], check=True, capture_output=True)
                theirs.append(time.perf_counter() - start)
    total = sum(map(len, files.values()))
    return reliability.UploadSpeed(total, statistics.median(ours), statistics.median(theirs), _RUNS)


if __name__ == "__main__":
    sys.exit(main())
