# SPDX-License-Identifier: MIT
"""The cards of the shipped models on their pages, against Python-Markdown."""

import re

import pytest

from galago import models
from galago.web import card
from support.requirements import extra_module


@pytest.mark.parametrize("name", models.shipped_names())
def test_a_card_says_on_the_page_what_it_says_elsewhere(name: str) -> None:
    markdown = extra_module("markdown", extra="docs")
    text = (models.find(name).path / "CARD.md").read_text(encoding="utf-8")
    expected = markdown.markdown(text.partition("\n")[2], extensions=["tables"])
    found = card.html(text)
    assert words(found) == words(expected)
    for ours, theirs in (
        ("h3", "h2"),
        ("p", "p"),
        ("li", "li"),
        ("tr", "tr"),
        ("td", "td"),
        ("code", "code"),
    ):
        assert len(re.findall(rf"<{ours}\b", found)) == len(re.findall(rf"<{theirs}\b", expected)), ours


def test_a_card_cannot_bring_elements_of_its_own() -> None:
    assert card.html("# x\n\na <script>b</script> & [c](javascript:d)") == (
        "<p>a &lt;script&gt;b&lt;/script&gt; &amp; c</p>"
    )


def words(page: str) -> list[str]:
    joined = re.sub(r"</?(?:a|strong|code)\b[^>]*>", "", page)
    return re.sub(r"<[^>]*>", " ", joined).split()
