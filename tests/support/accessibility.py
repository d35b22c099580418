# SPDX-License-Identifier: MIT
"""What axe-core finds wrong with a page: missing names, contrast, roles.

axe = Axe() if AXE.is_file() else None
axe.findings(page)          # ["color-contrast: small.soft: …"], in both colour schemes

npm brings axe-core, and not every computer with CI=true has a registry for it: without it, its test is
skipped.
"""

from pathlib import Path
from typing import Any

AXE = Path(__file__).parents[1] / "browser" / "node_modules" / "axe-core" / "axe.min.js"
_SERIOUS = ("serious", "critical")
_RUN = """async (rules) => {
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
  const { violations } = await axe.run(document, options);
  const text = ({ html, target }) => `${target} ${html}`;
  return violations.map(({ id, impact, nodes }) => [id, impact, nodes.map(text)]);
}"""


class Axe:
    """axe-core, as tests/browser/package-lock.json has it."""

    def __init__(self) -> None:
        self._source = AXE.read_text(encoding="utf-8")

    def findings(self, page: Any) -> list[str]:
        """Returns the serious findings in a page of Playwright: all in light, contrast in dark as well."""
        page.evaluate(self._source)
        found = self._found(page, "light", None) + self._found(page, "dark", ["color-contrast"])
        page.emulate_media(color_scheme="light")
        return found

    def _found(self, page: Any, scheme: str, rules: list[str] | None) -> list[str]:
        page.emulate_media(color_scheme=scheme)
        return [
            f"{scheme}: {rule}: {node:.200}"
            for rule, impact, nodes in page.evaluate(_RUN, rules)
            if impact in _SERIOUS
            for node in nodes
        ]
