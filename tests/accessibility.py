"""axe on a page of the site, in a time that does not grow with the square of the page.

axe takes minutes for the thousands of elements of the page of the package, most of it for the
colours of words. Here its rules on colours look at one element of each *look* (what decides the
colours: the path of tags and classes, and the styles on it), in the page with all others empty,
and at every element of a look of which axe could not tell. The other rules look at a page whose
bare spans are text and whose formulas are empty boxes of their size: none of these rules says
anything of either. Afterwards the page is as it was.
"""

from pathlib import Path

import pytest

FAULTS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def faults(page, exclude: list[str], colours_only: bool = False) -> list[tuple]:
    """What axe calls serious or critical: the rule, where, and the element.

    Args:
        page: playwright's.
        exclude: selectors of what is not looked at.
        colours_only: no rules but those on the colours of words.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    looks, found = page.evaluate(FAULTS, [", ".join(exclude), colours_only])
    assert looks > 0
    return [fault for impact, *fault in found if impact in {"serious", "critical"}]
