# SPDX-License-Identifier: MIT
"""The report of a training, beside its model: report.json, and report.html, one file without links.

report.write(model, findings)           # a ModelDirectory, and the results of galago.train

`python -m galago.report models/NAME` renders report.html again from report.json.
"""

import json
from pathlib import Path

from galago.models import ModelDirectory
from galago.report.findings import EvaluationSet, Findings, as_dict
from galago.report.page import page

__all__ = ["EvaluationSet", "Findings", "as_dict", "page", "write"]


def write(model: ModelDirectory, findings: Findings) -> Path:
    """Writes report.json and report.html into the model directory; returns the path of report.html."""
    table = as_dict(model, findings)
    (model.path / "report.json").write_text(
        json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    out = model.path / "report.html"
    out.write_text(page(table, findings.evaluation if findings.thumbnails else None), encoding="utf-8")
    return out
