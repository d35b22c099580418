# SPDX-License-Identifier: MIT
"""Stands for galago.sweep.training where a test is about everything else: it ends in the shipped nano model.

python pretended_training.py recipe.toml DIR

An epoch is a line in the checkpoint. Files beside the photos say what goes wrong: `NAME.kill` is the number
of the epoch after which the process kills itself, once; `NAME.error` the JSON of an error; and while there
is a `NAME.held`, the process waits after the epoch whose number it holds. NAME is the recipe's.
"""

import json
import os
import shutil
import signal
import sys
import time
import tomllib
from pathlib import Path

MODEL = Path(__file__).resolve().parents[2] / "models" / "flowers-nano-80"


def report(kind: str, content: object) -> None:
    print(json.dumps({kind: content}), flush=True)


def accuracy(recipe: dict) -> float:
    """Larger networks are better, and short ones worse."""
    return round(0.5 + recipe["alpha"] * recipe["size"] / 1000 - (0.1 if recipe["blocks"] else 0), 3)


def wait_while(file: Path, meant: bool) -> None:
    while meant and file.exists():
        time.sleep(0.02)


def main(recipe_file: Path, out: Path) -> None:
    recipe = tomllib.loads(recipe_file.read_text(encoding="utf-8"))
    signs = Path(recipe["photos"]).parent
    error = signs / f"{recipe['name']}.error"
    if error.exists():
        report("error", json.loads(error.read_text()))
        return
    kill = signs / f"{recipe['name']}.kill"
    state = out / ".training" / "state.npz"
    done = state.read_text().splitlines() if state.exists() else []
    held = signs / f"{recipe['name']}.held"
    after = int(held.read_text()) if held.exists() else -1
    wait_while(held, after == len(done))
    for epoch in range(len(done) + 1, recipe["stages"][-1]["epochs"] + 1):
        time.sleep(float(os.environ.get("GALAGO_PRETENDED_EPOCH", "0.02")))
        done.append(f"{epoch} in {os.getpid()}")
        state.write_text("\n".join(done))
        report("epoch", {"epoch": epoch, "validation_accuracy": accuracy(recipe)})
        if kill.exists() and int(kill.read_text()) == epoch:
            kill.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        wait_while(held, after == epoch)
    for name in ("model.tflite", "model.json", "report.json"):
        shutil.copy(MODEL / name, out)
    table = json.loads((out / "report.json").read_text())
    table["quantization"] = {"int8": {"accuracy": accuracy(recipe)}, "tuned": None, "epochs": done}
    (out / "report.json").write_text(json.dumps(table))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
