# SPDX-License-Identifier: MIT
"""Label files of all encodings and forms are read alike, or refused with what to do."""

from pathlib import Path

import pytest

from galago import labels
from galago.errors import GalagoError

FORMS = {
    "lines": "cat\ncup\n",
    "windows": "cat\r\ncup\r\n",
    "teachable": "0 cat\n1 cup\n",
    "colon": "1: cat\n2: cup\n",
    "csv": "0,cat\n1,cup\n",
    "disordered": "1 cup\n0 cat\n",
    "wordnet": "n01440764 cat, felis\nn01443537 cup\n",
    "list": '["cat", "cup"]',
    "by number": '{"0": "cat", "1": "cup"}',
    "by name": '{"cup": 1, "cat": 0}',
    "keras": '{"0": ["n01440764", "cat"], "1": ["n01443537", "cup"]}',
    "wrapped": '{"labels": ["cat", "cup"]}',
    "label map": "item {\n  id: 2\n  name: 'cup'\n}\nitem { id: 1 display_name: \"cat\" name: 'x' }\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_form_in_every_encoding(form: str, encoding: str) -> None:
    assert labels.parsed(FORMS[form].encode(encoding), "labels.txt") == ["cat", "cup"]


def test_numbers_that_do_not_count_stay() -> None:
    assert labels.parsed(b"7 up\n8 ball\n", "x") == ["7 up", "8 ball"]


def test_latin1_is_asked_for_and_never_guessed(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes("café\nthé\n".encode("latin-1"))
    with pytest.raises(GalagoError, match=r"would read 'café': add --encoding latin-1") as caught:
        labels.read(file)
    assert caught.value.code == "model.labels"
    assert labels.read(file, "latin-1") == ["café", "thé"]
    with pytest.raises(GalagoError, match="expected --encoding"):
        labels.read(file, "klingon")


@pytest.mark.parametrize("content", [b"", b"\n \n", b'{"a": [1]}', b"[1, 2]", b"[" * 100_000, b"{oops"])
def test_files_without_names_are_refused(content: bytes) -> None:
    with pytest.raises(GalagoError) as caught:
        labels.parsed(content, "labels.txt")
    assert caught.value.code == "model.labels"


def test_names_are_matched_with_outputs() -> None:
    assert labels.matched(["a", "b"], 2) == (["a", "b"], None)
    assert labels.matched(["a", "b"], 1)[0] == ["a", "b"]
    assert labels.matched(["person"], 1)[0] == ["not person", "person"]
    assert labels.matched(["crane", "cat", "crane"], 3)[0] == ["crane", "cat", "crane 2"]
    thousand = [f"c{i}" for i in range(1000)]
    assert labels.matched(thousand, 1001)[0] == ["background", *thousand]
    assert labels.matched(["???", *thousand], 1000)[0] == thousand
    with pytest.raises(GalagoError, match="expected 3 class names for 3 outputs, got 2"):
        labels.matched(["a", "b"], 3)
