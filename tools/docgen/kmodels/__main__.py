# SPDX-License-Identifier: MIT
"""Measures the K210 compiler and simulator, and writes the tables of docs/k210.md.

    python -m docgen.kmodels tables docs/k210.md --data ../shared/data --nets build/k210     # make k210
    python -m docgen.kmodels agreement build/k210/v1_025_128.tflite PICTURES
    python -m docgen.kmodels accuracy mbnet75.kmodel PICTURES

`agreement` compares the simulated kmodel with TensorFlow Lite Micro picture by picture. `--pictures 20` gives
a first impression.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from docgen.kmodels.agreement import AGREEMENT, ALL, agreement_row
from docgen.kmodels.agreement import accuracy as measured_accuracy
from docgen.kmodels.networks import NETWORKS, CompiledNetwork, path
from docgen.kmodels.sizes import SIZES, size_row
from docgen.table import table

app = typer.Typer(add_completion=False, help="Measure the K210 compiler and simulator on pictures.")
_Pictures = Annotated[Path, typer.Argument(metavar="PICTURES", help="A folder with labels.txt: FILE NUMBER.")]
_Count = Annotated[int, typer.Option("--pictures", help="Use only so many, from the start of the list.")]


@app.command()
def accuracy(
    kmodel: Path, photos: _Pictures, count: _Count = ALL, rounding: Annotated[str, typer.Option()] = "up"
) -> None:
    """Print top-1 and top-5 of a kmodel against the labels."""
    print(measured_accuracy(kmodel, photos, kmodel.parent, count, "even" if rounding == "even" else "up"))


@app.command()
def agreement(tflite: list[Path], photos: _Pictures, count: _Count = ALL) -> None:
    """Print a table of simulated kmodels against TensorFlow Lite Micro."""
    print(table(AGREEMENT, [agreement_row(CompiledNetwork.load(file), photos, count) for file in tflite]))


@app.command()
def tables(
    document: Path,
    data: Annotated[Path, typer.Option(help="The test data.")] = Path("../shared/data"),
    nets: Annotated[Path, typer.Option(help="Where the networks are, or are built.")] = Path("build/k210"),
    count: _Count = ALL,
    cached_only: Annotated[
        bool, typer.Option("--cached-only", help="Leave out what has not been measured yet.")
    ] = False,
) -> None:
    """Write everything into the document: between each <!-- NAME --> and the next <!-- end -->."""
    photos = data / "images" / "imagenet_val650"
    networks = {name: CompiledNetwork.load(path(name, nets, data)) for name in NETWORKS}
    trained = [networks[name] for name, (_, _, _, weights) in NETWORKS.items() if weights]
    rows = [agreement_row(network, photos, count, cached_only) for network in trained]
    mbnet75 = data / "kmodels" / "mbnet75.kmodel"
    parts = {
        "sizes": table(SIZES, [size_row(network) for network in networks.values()]),
        "agreement": table(AGREEMENT, filter(None, rows)),
        "mbnet75": "" if cached_only else measured_accuracy(mbnet75, photos, nets, count) + "\n",
    }
    document.write_text(_filled(document.read_text(encoding="utf-8"), parts), encoding="utf-8")


def _filled(text: str, parts: dict[str, str]) -> str:
    """Returns the text with new parts; an empty part leaves the old one."""
    for name, part in parts.items():
        if not part:
            continue
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda match, part=part: f"{match[1]}{part}{match[2]}",
            text,
            flags=re.DOTALL,
        )
        if not count:
            raise SystemExit(f"the document has no <!-- {name} --> … <!-- end -->")
    return text


if __name__ == "__main__":
    app()
