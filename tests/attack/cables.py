# SPDX-License-Identifier: MIT
"""What comes over a cable: boards that lie, fail, or are many at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import scenarios
import texts
from PIL import Image

from attack.kind import Attack, refusal
from galago import bench, boards, classify, flash, transport
from galago.emulator import EmulatedBoard
from galago.emulator.faults import Faults, Noise
from galago.flash import install
from galago.transport import mpremote_adapter
from support.liar import liar
from support.lies import LINE, NONSENSE, QUESTIONS, US
from support.tiny_model import make_model

_LAST_WRITE = 150  # of a flash that replaces a model


@contextmanager
def lies(folder: Path) -> Iterator[Attack]:
    """A board that answers one question with nonsense, damaged JSON, endless talk, or a wrong picture line"""
    model = make_model(folder, "tiny", 1)
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    mpremote_adapter._LARGEST_OUTPUT = 200_000  # endless talk ends sooner
    questions: dict[str, Callable[[transport.Board], object]] = QUESTIONS | {
        "net.classify(": lambda board: list(classify.classify(board, model, [folder / "a.png"])),
        "def bench(": lambda board: bench.bench(board, model),
        "_identity()": str,
        "_root()": str,
    }

    def talk(dice: Random) -> bytes | Callable[[], Iterator[bytes]]:
        match dice.randrange(4):
            case 0:
                return dice.choice(NONSENSE)
            case 1:
                return dice.randbytes(dice.randrange(1, 5000)).replace(b"\x04", b"")
            case 2:
                whole = LINE | {"us": US, "error": {"code": "x.y", "message": "z"}}
                return texts.damaged(dice, whole).replace(b"\x04", b"") + b"\r\n"
            case _:
                piece = dice.choice((b"{", b"[", b"\n", b'{"seq": 0}\r\n', b"\x18\x05", b"\xff")) * 300
                return lambda: iter(lambda: piece, None)

    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        with transport.connect(emulated.port) as board:
            flash.boot_plan(board, model, {}, None).run()

        def attempt(dice: Random) -> None:
            question = dice.choice(sorted(questions))

            def ask() -> None:
                with liar(emulated.port, {question: talk(dice)}) as port, transport.connect(port) as board:
                    questions[question](board)

            refusal(ask)

        yield Attack(attempt)


@contextmanager
def faults(folder: Path) -> Iterator[Attack]:
    """Power, cable, noise or silence at a random moment of `galago flash` (`make faults` goes through all)"""
    bench = scenarios.FaultBench(folder)
    total = scenarios.traffic(bench)

    def attempt(dice: Random) -> None:
        moment = dice.randrange(total)
        share = 10 ** dice.uniform(-5, -3)
        noise = Noise(dice.randrange(1 << 30), **{dice.choice(("flipped", "dropped", "added")): share})
        fault = dice.choice(
            (
                Faults(power_at=dice.randrange(1, _LAST_WRITE)),
                Faults(unplug_after=moment),
                Faults(reset_after=moment),
                Faults(stall_after=moment, stall=dice.random() / 2),
                Faults(to_board=noise),
                Faults(to_client=noise),
            )
        )
        case = bench.case(str(fault), bench.old, fault)
        if case.problem:
            raise ValueError(f"{case.fault}: {case.problem}")

    yield Attack(attempt)


@contextmanager
def crowds(folder: Path) -> Iterator[Attack]:
    """Up to twelve boards that are flashed at once; each must get its own port and its own model"""
    model = make_model(folder, "tiny", 1)

    def attempt(dice: Random) -> int:
        count = dice.randrange(2, 13)
        with ExitStack() as stack:
            crowd = [stack.enter_context(EmulatedBoard(boards.load("RPI_PICO2"))) for _ in range(count)]
            with ThreadPoolExecutor(count) as pool:
                done = pool.map(
                    lambda one: install.install(one.port, install.InstallOptions(model=model)), crowd
                )
                places = {each.place for each in done}
        if places != {"/models/tiny"}:
            raise ValueError(f"the models run from {places}")
        return count

    yield Attack(attempt)
