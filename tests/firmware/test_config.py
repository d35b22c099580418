# SPDX-License-Identifier: MIT
"""galago.json on the real interpreter: defaults, errors, and the last good file."""

import json

import pytest

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
    ],
)
def test_what_is_wrong_is_named(read, text, named):
    code, message = read(text)
    assert code == "config.invalid"
    # MicroPython's str() accepts invalid UTF-8; what matters is one line that names the problem.
    assert named in message
    assert "\n" not in message


def test_the_good_file_is_a_copy(micropython, tmp_path):
    present, good = tmp_path / "galago.json", tmp_path / "galago.good.json"
    for text in ('{"model": "/models/a"}', '{"model": "/models/b"}'):
        present.write_text(text)
        micropython(KEEP, present, good)
        assert good.read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["galago.good.json", "galago.json"]
