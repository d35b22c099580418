# SPDX-License-Identifier: MIT
"""Runs at boot: reads galago.json, classifies, reports. Ctrl-C gives the REPL at any moment.

A config or model that cannot be used is reported, and the last good one runs instead.
"""

import os
import time

try:
    import galago_switch

    galago_switch.finish()  # first: what a power cut interrupted may be the package itself
except ImportError:
    pass

from mobilenet import Classifier, GalagoError, config, report


def open_classifier():
    """The classifier and settings of galago.json, else those of the last good boot, else None."""
    for path in (config.PATH, config.GOOD):
        try:
            settings = config.read(path)
            classifier = Classifier(settings["model"])
        except GalagoError as error:
            print(report.failure(error))
            continue
        if path == config.PATH:
            config.keep()
        return classifier, settings
    return None


def pictures(folder):
    """The paths in a folder, in the order of their names."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        error = GalagoError(
            "config.invalid", "no folder %s: make it, or change 'folder' in galago.json" % folder
        )
        print(report.failure(error))
        return
    for name in names:
        yield folder + "/" + name


def run():
    """Classifies what the config names, one line per picture."""
    opened = open_classifier()
    if not opened:
        return
    classifier, settings = opened
    seq = 0
    while True:
        before = seq
        for path in pictures(settings["folder"]):
            for result in classifier.classify(path, top=settings["top"]):
                print(report.line(seq, result))
            seq += 1
            time.sleep(settings["interval"])
        if not settings["loop"] or seq == before:
            return


if __name__ == "__main__":
    run()
