# SPDX-License-Identifier: MIT
"""What main.py of the whole package does, as far as a board with the small form can."""

import time

from .classifier import Classifier
from .engine import once
from .errors import GalagoError
from .report import failure, line, sealed, start
from .sequence import Sequence


def say(text):
    """Prints a serial line with its checksum."""
    print(sealed(text))


def run():
    """Runs from galago.json to the last picture; however it ends, the REPL stays usable."""
    try:
        settings = once("setup").settings(say)
        net = Classifier(settings["model"])
        if settings["self_test"]:
            net.self_test()
        if settings["threshold"] >= 0:
            net.model.unknown_below = settings["threshold"]
        results = once(settings["source"]).pictures(net, settings)
        led = settings["led"] != "" and open_led(settings["led"])
    except GalagoError as error:
        say(failure(error))
        return
    numbers = Sequence(settings["root"] + "/galago.seq")
    say(start(numbers.number, net, settings["source"]))
    try:
        for result in results:
            say(line(numbers.next(), result))
            if numbers.error:
                say(failure(numbers.error))
                numbers.error = None
            if led:
                led.show(result)
            time.sleep(settings["interval"])
    except GalagoError as error:
        say(failure(error))
    finally:
        numbers.close()


def open_led(name):
    """Opens an LED by the name or number of its pin. Raises GalagoError config.invalid."""
    try:
        return once("led").open(name)
    except (ImportError, ValueError, TypeError, OSError) as error:
        text = "'led' %s cannot be used on this board (%s): change it" % (name, error)
        raise GalagoError("config.invalid", text) from None
