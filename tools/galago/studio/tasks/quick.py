# SPDX-License-Identifier: MIT
"""Fits a head to features that are kept from the last time: an answer in seconds, before training."""

from pathlib import Path
from typing import Any

from galago import dataset, report
from galago.studio.models import publish
from galago.studio.reporter import Reporter
from galago.studio.tasks.train import measured
from galago.train.quick_head import FeatureCache, fit_head, write


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Trains. Returns {model: id}."""
    photos, done = dataset.from_subfolders(order["photos"]), 0

    def tick() -> None:
        nonlocal done
        done += 1
        reporter.progress("looking at photos", done, len(photos))

    cache = FeatureCache(Path(order["features"]))
    features = cache.features(photos.paths, tick)
    cache.save()
    reporter.progress("training", 0, 1)
    head = fit_head(features, photos.labels, len(photos.names))
    out = Path(order["folder"]) / "model"
    model = write(head, photos.names, order["name"], out)
    seen = measured(order, model, reporter, quick=True)
    report.write(model, report.Findings(seen, seen, None, head.temperature, history=[]))
    return {"model": publish(out, Path(order["models"]), order["model_id"])}
