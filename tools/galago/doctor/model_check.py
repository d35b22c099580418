# SPDX-License-Identifier: MIT
"""The model that a board runs: whether it loads, gives the golden outputs, and how fast it is."""

import json
from typing import Any

from galago import flash, settings
from galago.boards import BoardSpec
from galago.doctor import Report
from galago.errors import GalagoError
from galago.flash import card
from galago.models import CONTRACT
from galago.runtimes import EXACT
from galago.transport import Board
from galago.transport.answers import ERROR, conform, json_answer

# What keeps the verdict on machine code: firmware/mobilenet/tflite/kernels/proof.py, image/compiled.py.
_VERDICTS = {"kernels": "/galago.kernels.json", "pictures": "/galago.picture.json"}
_SILENCE = 600.0  # seconds that a working board may be silent

_WHERE = {"place": "used in place, in the ROMFS", "ram": "copied to RAM", "stream": "streamed from the file"}

_PROGRAM = """
import gc, json
from mobilenet import Classifier, GalagoError, report
try:
    net = Classifier({path!r}, {order!r} or None)
    skipped = [[name, error.code, error.message] for name, error in net.skipped]
    print(json.dumps({{"backend": net.backend, "skipped": skipped}}))
    for pattern in {patterns!r}:
        scores = net.golden(pattern)
        scores = [net.confidence(score) for score in scores]
        print(json.dumps({{"pattern": pattern, "us": net.us, "scores": scores}}))
    gc.collect()
    free = gc.mem_free()
    print(json.dumps({{"loaded": net.describe(), "free": free}}))
    {source}
except GalagoError as error:
    print(report.failure(error))
"""
# What the small form of the device package has no modules for.
_SOURCE = """from mobilenet import config, sources
    settings = config.read()
    source = sources.open(settings)
    if settings["source"] == "camera":
        result = next(source.results(net, 1, None))
        print(json.dumps({"frame": result.error.message if result.error else result.label}))
        if result.error:
            raise result.error
    source.close()"""

_CONTRACT = {
    "output": {"scale": float, "zero_point": int},
    "golden": [{"pattern": int, "output_int8": [int]}],
}
_LINE = {
    "error?": ERROR,
    "backend?": str,
    "skipped?": [[str]],
    "pattern?": int,
    "us?": int,
    "scores?": [float],
    "loaded?": {"weights?": str, "native?": int, "layers?": int, "kernels?": str},
    "free?": int,
    "frame?": str,
}


def examine(report: Report, board: Board, known: BoardSpec | None) -> None:
    """Load the model of galago.json on the board and compare its outputs for all golden inputs."""
    chosen = _config(report, board)
    if chosen is None:
        return
    path = chosen["model"]
    previous = flash.read_config(board, flash.PREVIOUS)
    report.fact("galago", "model", path)
    report.fact("galago", "source", chosen["source"])
    if previous:
        report.fact("galago", "model before", previous.get("model"))
    contract = _contract(board, path)
    if contract is None:
        fix = (
            f"insert the card that holds it and reset the board, or {report.flash}"
            if report.to
            else report.flash
        )
        report.problem(f"{path} has no {CONTRACT} that can be read", fix)
        return
    order = chosen["backends"] or (list(known.backends) if known else [])
    patterns = [entry["pattern"] for entry in contract["golden"]]
    # A used heap is fragmented, and a model needs its memory in large blocks.
    flash.clear_memory(board)
    source = "" if flash.has_small_form(board) else _SOURCE
    code = _PROGRAM.format(path=path, order=order, patterns=patterns, source=source)
    output = board.exec(code, timeout=_SILENCE).splitlines()
    for line in output:
        verdict = _VERDICTS.get(line.partition(":")[0])
        if verdict and "wrong" in line:
            report.problem(
                line, "results are right, but slower; please report it with the board and the model"
            )
        elif verdict and "restarted" in line:
            root = report.to if report.to and line.startswith("kernels:") else board.root
            report.problem(
                line,
                f"to check it again after a power cut: mpremote connect {report.port} fs rm "
                f":{root}{verdict}; if the board restarts again, report it with the board and the model",
            )
    lines = [json_answer(board.port, line, _LINE) for line in output if line.startswith("{")]
    _judge(report, lines, contract, board.implementation["emulated"])


def _config(report: Report, board: Board) -> dict[str, Any] | None:
    """Return what the board reads from galago.json; None, with a problem, if it refuses that."""
    content = flash.read_config(board)
    report.fact("galago", "model", "none" if content is None else str(content.get("model")))
    if content is None:
        if board.sha256(board.root + flash.CONFIG) is None:
            report.problem("the board has no model to run at boot", report.flash)
        else:
            report.problem(f"{flash.CONFIG} cannot be used: it is not a JSON object", report.flash)
        return None
    report.model = str(content.get("model")).rpartition("/")[2].rstrip("~") or report.model
    report.to = card.place(board, str(content.get("model")))
    try:
        return settings.complete(content, f"{board.root}/pictures")
    except GalagoError as error:
        report.problem(
            error.message,
            f"galago config --port {report.port} KEY=VALUE sets a key and KEY= removes it; or {report.flash}",
        )
        return None


def _judge(report: Report, lines: list[dict[str, Any]], contract: dict[str, Any], emulated: bool) -> None:
    golden = {entry["pattern"]: entry["output_int8"] for entry in contract["golden"]}
    scale, zero = contract["output"]["scale"], contract["output"]["zero_point"]
    exact, worst, fastest, runtime = 0, 0.0, 0, ""
    for line in lines:
        if "error" in line:
            what, code = line["error"]["message"], line["error"]["code"]
            ours = code.split(".")[0] in ("config", "camera")
            kind = "the source does not work" if ours else "the model does not run"
            report.problem(f"{kind}: {code}", what)
        elif "backend" in line:
            runtime = line["backend"]
            report.fact("model", "runtime", runtime)
            for name, code, message in (each for each in line.get("skipped", ()) if len(each) == 3):
                report.problem(f"runtime {name} is skipped ({code})", message)
        elif "pattern" in line:
            outputs = golden.get(line["pattern"], ())
            if not {"us", "scores"} <= set(line) or not len(outputs) == len(line["scores"]) > 0:
                raise GalagoError(
                    "board.answer", f"golden picture {line['pattern']} got another number of classes"
                )
            expected = [(value - zero) * scale for value in outputs]
            difference = max(abs(a - b) for a, b in zip(expected, line["scores"], strict=True)) / scale
            exact, worst = exact + (difference < 0.01), max(worst, difference)
            fastest = min(fastest or line["us"], line["us"])
        elif "frame" in line:
            report.fact("galago", "camera", f"delivers frames: {line['frame']}")
        elif "free" in line:
            loaded = line.get("loaded", {})
            report.fact("model", "weights", _WHERE.get(loaded.get("weights"), "kept by the runtime"))
            if loaded.get("native"):
                share = f"{loaded['native']} of {loaded.get('layers')} layers"
                how = "each checked against viper"
                if "planned on the host" in loaded.get("kernels", ""):
                    how = "checked by golden outputs and the sums of all layers"
                report.fact("model", "kernels", f"machine code in {share}, {how}")
            elif "layers" in loaded:
                report.fact("model", "kernels", "viper")
            report.fact("memory", "heap with the model", f"{line['free'] // (1 + emulated):,} bytes free")
    if not fastest:
        return
    where = ", on this computer's processor" if emulated else ""
    text = f"{exact} of {len(golden)} as TensorFlow Lite Micro"
    if exact < len(golden):
        text += f", the others differ by up to {worst:.1f} of 256"
    report.fact("model", "golden pictures", text)
    report.fact("model", "time", f"{fastest / 1000:.1f} ms for one inference{where}")
    if worst > 2.5 and runtime in EXACT:  # the others were checked by their own measure when they loaded
        report.problem(
            f"golden outputs are wrong by up to {worst:.0f} of 256",
            "flash it again; if that does not help, set 'backends': [\"builtin\"] in galago.json",
        )


def _contract(board: Board, path: str) -> dict[str, Any] | None:
    if board.sha256(f"{path}/{CONTRACT}") is None:
        return None
    try:
        contract = conform(json.loads(board.get(f"{path}/{CONTRACT}")), _CONTRACT)
    except (ValueError, RecursionError):
        return None
    return contract if contract["output"]["scale"] > 0 else None
