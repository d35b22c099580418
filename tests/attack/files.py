# SPDX-License-Identifier: MIT
"""Files that come from elsewhere, or that people write by hand."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from random import Random

import texts
from interpreter_under_test import InterpreterUnderTest
from judgement import judge
from PIL import Image

from attack.kind import Attack, refusal
from galago import boards, flash, importer, labels, pictures, resources, settings, train
from galago.emulator import EmulatedBoard
from galago.models import ModelDirectory, keys, signature
from support import damaged_pictures, mutations
from support.tiny_model import make_model


@contextmanager
def models(folder: Path) -> Iterator[Attack]:
    """`.tflite` files, damaged as `make fuzz` does, in the engine on the real interpreter"""

    def attempt(dice: Random) -> None:
        for mutant, verdict in judge(range(number := dice.randrange(1 << 40), number + 1)):
            if verdict.outcome == "fault":
                raise ValueError(f"mutant {mutant.number}: {verdict.detail}")

    yield Attack(attempt)


@contextmanager
def contracts(folder: Path) -> Iterator[Attack]:
    """`model.json`, values and text damaged at any depth, opened by the host and prepared for a board"""
    model = make_model(folder, "tiny", 1)
    file = model.path / "model.json"
    whole, board = json.loads(file.read_text()), boards.load("RPI_PICO")

    def attempt(dice: Random) -> None:
        file.write_bytes(texts.damaged(dice, whole))

        def use() -> None:
            opened = ModelDirectory.open(model.path)
            list(opened.golden())
            flash.model_files(opened, board)

        refusal(use)

    yield Attack(attempt)


@contextmanager
def configs(folder: Path) -> Iterator[Attack]:
    """`model.json` and `galago.json`, damaged likewise, read by the board; the host judges configs alike"""
    script = Path(texts.__file__).with_name("on_board_json.py")
    with InterpreterUnderTest(1 << 14, script=script) as reader:
        (reader.folder / "model.tflite").write_bytes(texts.TFLITE)

        def attempt(dice: Random) -> None:
            text = texts.text(dice.randrange(1 << 40))
            verdict = reader.judge(text)
            if verdict.outcome != "ok" and "." not in verdict.outcome:
                raise ValueError(f"{verdict.outcome} {verdict.detail}: {text[:200]!r}")
            if text[:1] == b"g":
                here = _judged(text[1:])
                if here not in (None, verdict.outcome) and verdict.outcome != "memory.heap":
                    raise ValueError(f"the host says {here}, the board {verdict.outcome}: {text[:200]!r}")

        yield Attack(attempt)


def _judged(text: bytes) -> str | None:
    """The host's verdict on a config; None for text that only MicroPython's parser may take for JSON."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return refusal(lambda: settings.check(content))


@contextmanager
def hand_written(folder: Path) -> Iterator[Attack]:
    """Recipes and boards in TOML: other values, other keys, damaged text; accepted boards are switched on"""
    recipes = [path.read_text() for path in resources.models_dir().glob("*/recipe.toml")]
    described = [path.read_text() for path in resources.boards_dir().glob("*.toml")]
    recipe, board = folder / "recipe.toml", folder / "MY_BOARD.toml"

    def attempt(dice: Random) -> None:
        recipe.write_bytes(texts.toml(dice, dice.choice(recipes)))
        refusal(lambda: train.read_recipe(recipe))
        board.write_bytes(texts.toml(dice, dice.choice(described)))
        if refusal(lambda: boards.load(str(board))) == "ok" and dice.random() < 0.1:
            refusal(lambda: EmulatedBoard(boards.load(str(board))).__enter__().close())

    yield Attack(attempt)


@contextmanager
def broken_pictures(folder: Path) -> Iterator[Attack]:
    """Pictures of eight formats, damaged; now and then one of up to 80 megapixels, or a name that acts"""

    def attempt(dice: Random) -> None:
        path = folder / dice.choice(("a.jpg", "no ending", "a\nb.png", "\x1b[2J\udcff.gif", "x" * 250))
        if dice.random() < 0.005:
            size = dice.randrange(1, 9000), dice.randrange(1, 9000)
            Image.new("RGB", size).save(path, dice.choice(("JPEG", "PNG", "BMP")))
        else:
            path.write_bytes(damaged_pictures.picture(dice))
        refusal(lambda: pictures.as_board(path, 24, 32))
        sent = folder / "sent"
        sent.mkdir(exist_ok=True)
        refusal(lambda: pictures.prepare_upload(path, sent, 24, 32).unlink())
        path.unlink()

    yield Attack(attempt)


@contextmanager
def foreign_models(folder: Path) -> Iterator[Attack]:
    """Models for `galago import`: damaged `.tflite`, alone or in a damaged zip with damaged labels"""

    def attempt(dice: Random) -> None:
        data = mutations.mutant(dice.randrange(1 << 40)).data
        names = texts.spoilt(
            dice, dice.choice((b"cat\ndog\n", b"0 cat\n1 dog", b'["cat", "dog"]', b"1: \xff"))
        )
        path = folder / "model.tflite"
        if dice.random() < 0.3:
            archive = BytesIO()
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr(dice.choice(("model.tflite", "../../x.tflite", "/x.tflite")), data)
                file.writestr("labels.txt", names)
            data, path = texts.spoilt(dice, archive.getvalue()), folder / "model.zip"
        path.write_bytes(data)
        refusal(lambda: importer.import_model(path, folder / "out"))
        refusal(lambda: labels.parsed(names, "labels.txt"))

    yield Attack(attempt)


@contextmanager
def signatures(folder: Path) -> Iterator[Attack]:
    """Signed model directories: one bit of any file, or its name, or the text of the signature, is changed"""
    public = keys.new(folder / "a.key")
    model = folder / "model"
    model.mkdir()
    for name in ("model.json", "model.tflite", "CARD.md"):
        (model / name).write_bytes(name.encode() * 20)
    file = signature.sign(model, folder / "a.key")
    whole = {path.name: path.read_bytes() for path in model.iterdir()}

    def attempt(dice: Random) -> None:
        name = dice.choice(sorted(whole))
        changed = bytearray(whole[name])
        if name == file.name:
            changed[:] = texts.spoilt(dice, whole[name])
        else:
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        (model / name).write_bytes(changed)
        code = refusal(lambda: signature.verify(model, public))
        (model / name).write_bytes(whole[name])
        if code != ("ok" if bytes(changed) == whole[name] else "model.signature"):
            raise ValueError(f"{name}: {code}")

    yield Attack(attempt)
