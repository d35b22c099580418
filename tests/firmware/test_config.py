# SPDX-License-Identifier: MIT
"""galago.json on the real interpreter: defaults, errors, and the last good file."""

import contextlib
import json

import pytest

from galago import settings
from galago.errors import GalagoError

READ = """
import json
from mobilenet import config, GalagoError
try:
    print(json.dumps(config.read(argv[0])))
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
"""

KEEP = """
from mobilenet import config
config.PATH, config.GOOD = argv
config.keep()
config.keep()
"""


@pytest.fixture
def read(micropython, tmp_path):
    def run(text: str | bytes):
        path = tmp_path / "galago.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return json.loads(micropython(READ, path))

    return run


def test_defaults_are_filled_in(read):
    assert read('{"model": "/models/m"}') == {
        "model": "/models/m",
        "backends": [],
        "source": "files",
        "folder": "/pictures",
        "loop": False,
        "camera": {},
        "top": 1,
        "threshold": -1,
        "interval": 0,
        "led": "",
        "display": "",
        "watchdog": 0,
        "self_test": True,
    }


def test_a_missing_file_is_named(micropython, tmp_path):
    code, message = json.loads(micropython(READ, tmp_path / "absent.json"))
    assert code == "config.missing"
    assert "absent.json" in message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not valid JSON"),
        ('{"model": "/m"', "not valid JSON"),
        (b"\xff\xfe\x00garbage", "not valid JSON"),
        ("[]", "JSON object"),
        ("{}", "'model'"),
        ('{"two\\nlines": 1}', "unknown key"),
        ('{"model": ' + "[" * 500 + "]" * 500 + "}", "a list"),
        ('{"model": 3}', "'model'"),
        ('{"model": "/m", "modle": 1}', '"modle"'),
        ('{"model": "/m", "top": 0}', "'top'"),
        ('{"model": "/m", "top": true}', "'top'"),
        ('{"model": "/m", "top": 1.5}', "'top'"),
        ('{"model": "/m", "interval": -1}', "'interval'"),
        ('{"model": "/m", "loop": 1}', "'loop'"),
        ('{"model": "/m", "source": "telepathy"}', "'source'"),
        ('{"model": "/m", "backends": "builtin"}', "'backends'"),
        ('{"model": "/m", "backends": [1]}', "'backends'"),
        ('{"model": "/m", "camera": []}', "'camera'"),
        ('{"model": "/m", "threshold": 1.5}', "'threshold'"),
        ('{"model": "/m", "led": false}', "'led'"),
        ('{"model": "/m", "display": "wall"}', "'display'"),
        ('{"model": "/m", "watchdog": -1}', "'watchdog'"),
        ('{"model": "/m", "self_test": 0}', "'self_test'"),
        ('{"model": "/m", "interval": 1e40}', "'interval'"),
        ('{"model": "/m", "camera": {"frame": 6}}', "'camera.frame'"),
        ('{"model": "/m", "camera": {"skip": "1"}}', "'camera.skip'"),
        ('{"model": "/m", "camera": {"skip": true}}', "'camera.skip'"),
        ('{"model": "/m", "camera": {"pins": [1, 2]}}', "'camera.pins'"),
        ('{"model": "/m", "camera": {"pins": {"data": [1]}}}', "'camera.pins'"),
        ('{"model": "/m", "camera": {"pins": {"xclk": "4"}}}', "'camera.pins'"),
        ('{"model": "/m", "camera": {"pins": {"sck": 4}}}', "'camera.pins'"),
        ('{"model": "/m", "camera": {"mirrow": true}}', '"camera.mirrow"'),
        ('{"model": "/m", "camera": {"driver": "webcam"}}', "'camera.driver'"),
        ('{"model": "/m", "camera": {"clock": 0}}', "'camera.clock'"),
    ],
)
def test_what_is_wrong_is_named(read, text, named):
    code, message = read(text)
    assert code == "config.invalid"
    # MicroPython's str() accepts invalid UTF-8; what matters is one line that names the problem.
    assert named in message
    assert "\n" not in message
    if isinstance(text, str) and not text.startswith(("[" * 9, "{" * 9)):
        with contextlib.suppress(ValueError), pytest.raises(GalagoError) as caught:
            settings.check(json.loads(text))
        if "valid JSON" not in message:
            assert caught.value.message.partition(": ")[2] == message.partition(": ")[2], (
                "the same on the host"
            )


@pytest.mark.parametrize(
    "text",
    [
        '{"model": "/m", "camera": {"pins": {"data": [1, 2, 3, 4, 5, 6, 7, 8], "xclk": 0, "reset": -1}}}',
        '{"model": "/m", "camera": {"driver": "esp32", "format": "jpeg", "frame": "VGA", "skip": 0}}',
        '{"model": "/m", "camera": {"mirror": true, "flip": false, "swap": true, "clock": 20000000}}',
        '{"model": "/m", "source": "camera", "threshold": 0.5, "interval": 1.5, "watchdog": 8, "led": "~2"}',
    ],
)
def test_host_and_board_fill_in_the_same_defaults(read, text):
    assert read(text) == settings.complete(json.loads(text))


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, "1e999", "nan", "-1"])
def test_values_of_the_command_line_are_refused_with_one_line(text):
    with pytest.raises(GalagoError, match="'interval'") as caught:
        settings.changed({"model": "/models/m"}, [f"interval={text}"])
    assert caught.value.code == "config.invalid"
    assert len(caught.value.message) < 200


def test_the_good_file_is_a_copy(micropython, tmp_path):
    present, good = tmp_path / "galago.json", tmp_path / "galago.good.json"
    for text in ('{"model": "/models/a"}', '{"model": "/models/b"}'):
        present.write_text(text)
        micropython(KEEP, present, good)
        assert good.read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["galago.good.json", "galago.json"]
