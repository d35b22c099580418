# SPDX-License-Identifier: MIT
# ruff: noqa: SIM110, UP031
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The fuzzer's part on the real MicroPython interpreter: loads and runs files, and watches memory.

The first line is the size of the largest file. A request is a line with a size, followed by the file. An
answer is one line, which starts with the bytes of heap in use:

    ok MACS ARENA CRC               loaded, ran twice with the same result: the CRC-32 of the output
    long MACS ARENA                 loaded, but too slow to run here
    CODE MESSAGE                    a GalagoError
    fault TEXT                      anything else

Every buffer that the engine allocates, and the file, are surrounded by guards, whose contents differ in the
second run: a kernel that reads beyond its buffers changes the result, and one that writes there is detected.
"""

import builtins
import gc
import sys
from binascii import crc32

from micropython import const
from mobilenet import GalagoError
from mobilenet.tflite import Interpreter

GUARD = const(2048)
LONG = const(100_000_000)  # MACs that take too long to run here
FIRST, SECOND = b"\xa5" * GUARD, b"\x3c" * GUARD
NOISE = bytes([i * i * 7 + i // 251 * 13 + 5 & 255 for i in range(16384)])

blocks = []
plain = bytearray  # for the engine, `bytearray` is replaced by `guarded`


def guarded(size):
    """Returns a buffer for the engine, between guards."""
    block = plain(size + 2 * GUARD)
    blocks.append(memoryview(block))
    return memoryview(block)[GUARD : GUARD + size]


def guard(content):
    """Fills all guards."""
    for block in blocks:
        block[:GUARD] = content
        block[len(block) - GUARD :] = content


def intact(content):
    """Returns whether all guards have this content."""
    for block in blocks:
        if block[:GUARD] != content or block[len(block) - GUARD :] != content:
            return False
    return True


def run(net, content):
    """Returns the CRC-32 of the output for a fixed input, or -1 if a guard was overwritten."""
    guard(content)
    size = len(net.input)
    for start in range(0, size, len(NOISE)):
        net.input[start : min(size, start + len(NOISE))] = NOISE[: min(len(NOISE), size - start)]
    net.invoke()
    return crc32(net.output) if intact(content) else -1


def attempt(model, weights):
    """Loads a file and runs it twice; returns ("ok", CRC-32 of the output, text) or (outcome, None, text)."""
    gc.collect()
    try:
        net = Interpreter(model, weights)
    except GalagoError as error:
        if "\n" in error.message:
            return "fault", None, "a message of several lines"
        return error.code, None, error.message
    if net.macs > LONG:
        return "long", None, "%d %d" % (net.macs, net.arena_bytes)
    plan = bytes(net.plan)
    first, second = run(net, FIRST), run(net, SECOND)
    fault = None
    if -1 in (first, second):
        fault = "writes beyond its buffers"
    elif first != second:
        fault = "reads beyond its buffers"
    elif bytes(net.plan) != plan:
        fault = "writes into its plan"
    text = "%d %d %d" % (net.macs, net.arena_bytes, first)
    net.close()
    return ("fault", None, fault) if fault else ("ok", first, text)


def judge(room):
    """Loads and runs one file: in place, between guards, and then streamed from the file system."""
    blocks.append(room)
    model = room[GUARD : len(room) - GUARD]
    whole = crc32(model)
    outcome, result, text = attempt(model, None)
    if crc32(model) != whole:
        return "fault writes into the model"
    blocks.clear()
    if outcome not in ("fault", "long"):
        with open("model.tflite", "wb") as file:
            file.write(model)
        streamed, other, detail = attempt("model.tflite", "stream")
        if streamed == "fault":
            outcome, text = streamed, detail + ", streamed"
        elif "memory.arena" not in (outcome, streamed) and (outcome, result) != (streamed, other):
            outcome, text = "fault", "%s in memory, %s %s streamed" % (outcome, streamed, detail)
    return "%s %s" % (outcome, text)


def receive(source, buffer):
    """Fills a buffer from a pipe, which may deliver less per read."""
    while len(buffer):
        buffer = buffer[source.readinto(buffer) :]


def serve(judge):
    """Answers requests until there are no more."""
    source = sys.stdin.buffer
    room = memoryview(plain(int(source.readline()) + 2 * GUARD))
    print(gc.mem_alloc(), "ready")
    while True:
        line = source.readline()
        if not line:
            return
        size = int(line)
        receive(source, room[GUARD : GUARD + size])
        try:
            answer = judge(room[: size + 2 * GUARD])
        except GalagoError as error:
            answer = "%s %s" % (error.code, error.message)
            if "\n" in answer:
                answer = "fault a message of several lines"
        except Exception as error:
            answer = "fault %s %s" % (type(error).__name__, error)
        blocks.clear()
        gc.collect()
        print(gc.mem_alloc(), answer.replace("\n", " "))


if __name__ == "__main__":
    builtins.bytearray = guarded
    serve(judge)
