# SPDX-License-Identifier: MIT
"""Runs at boot: reads galago.json, classifies pictures, reports results. Ctrl-C opens the REPL at any time.

If the config, its model or its source cannot be used, the error is reported and the last good config runs
instead.
"""

import time

try:
    import galago_switch

    galago_switch.finish()  # first: a power cut may have interrupted an update of the package itself
except ImportError:
    pass

from mobilenet import Classifier, GalagoError, config, outputs, report, sources
from mobilenet.sequence import Sequence
from mobilenet.watchdog import Watchdog

_SLICE = 0.2  # seconds between two feeds of the watchdog during a pause


def say(line):
    """Prints a serial line with its checksum."""
    print(report.sealed(line))


def open_config():
    """Returns (settings, classifier, source) of galago.json, else of the last good config, else None."""
    said = ""
    for path in (config.PATH, config.GOOD):
        classifier = None
        try:
            settings = config.read(path)
            classifier = Classifier(settings["model"], settings["backends"] or None)
            if settings["self_test"]:
                classifier.self_test()
            source = sources.open(settings)
        except GalagoError as error:
            # There may be no good one yet, or it is the same.
            if path == config.PATH or (error.code != "config.missing" and error.message != said):
                said = error.message
                say(report.failure(error))
            if classifier:  # its memory is for the next one
                classifier.close()
            continue
        for _, error in classifier.skipped:
            say(report.failure(error))
        if settings["threshold"] >= 0:
            classifier.model.unknown_below = settings["threshold"]
        if path == config.PATH:
            keep()
        return settings, classifier, source
    return None


def keep():
    """Saves the config as the last good one; reports an error if the file system is not writable."""
    try:
        config.keep()
    except OSError as error:
        text = "%s cannot be written (error %s): free some space" % (config.GOOD, error.errno)
        say(report.failure(GalagoError("board.file", text)))


def open_outputs(settings):
    """Opens the outputs that show results in addition to the serial line."""
    opened = []
    for name in outputs.NAMES:
        if settings[name] != "":
            try:
                opened.append(outputs.open(name, settings[name]))
            except GalagoError as error:
                say(report.failure(error))
    return opened


def open_watchdog(seconds, inference):
    """Starts the watchdog, unless a picture may take longer; `inference` is in microseconds."""
    try:
        if seconds and seconds < 5 + 2 * inference / 1e6:
            text = "a watchdog of %s s is too short for an inference of %d ms: set it to %d s or more"
            values = (seconds, inference // 1000, 6 + 2 * inference // 1000000)
            raise GalagoError("config.invalid", text % values)
        return Watchdog(seconds)
    except GalagoError as error:
        say(report.failure(error))
        return Watchdog(0)


def pause(seconds, feed):
    """Waits `seconds`, and feeds the watchdog meanwhile."""
    start = time.ticks_ms()
    while True:
        feed()
        left = seconds - time.ticks_diff(time.ticks_ms(), start) / 1000
        if left <= 0:
            return
        time.sleep(min(left, _SLICE))


def work(results, interval, numbers, shown, feed):
    """Prints one line for each result, and shows it on the outputs."""
    for result in results:
        say(report.line(numbers.next(), result))
        if numbers.error:
            say(report.failure(numbers.error))
            numbers.error = None
        for output in shown:
            output.show(result)
        pause(interval, feed)


def run():
    """Runs from galago.json to the last picture; however it ends, the REPL stays usable."""
    opened = open_config()
    if not opened:
        return
    settings, classifier, source = opened
    numbers = Sequence(config.ROOT + "/galago.seq")
    say(report.start(numbers.number, classifier, settings["source"]))
    shown = open_outputs(settings)
    watchdog = open_watchdog(settings["watchdog"], classifier.us)
    try:
        results = source.results(classifier, settings["top"], watchdog.feed)
        work(results, settings["interval"], numbers, shown, watchdog.feed)
    except GalagoError as error:
        say(report.failure(error))
    finally:
        numbers.close()
        source.close()
        for output in shown:
            output.close()
        if not watchdog.hold():
            print("the watchdog cannot be stopped: the board restarts in %s s" % settings["watchdog"])


if __name__ == "__main__":
    run()
