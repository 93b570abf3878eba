"""Which tests stay together in one worker, and in which order they start.

The tests of one page of the site share the page, and those of a module its fixtures. What takes
long starts first, that no worker waits at the end.
"""

import re
from pathlib import PurePosixPath

import solutions
from xdist.scheduler import LoadScopeScheduling

# The modules that share a page, in their order: on paper nothing may need to have been seen
# before, and what explorers and drawings show is the last to change.
SHARING = (
    "test_paper",
    "test_pages",
    "test_claims",
    "test_reading",
    "test_explorers",
    "test_drawings",
)
# Modules that share what is built once: the wheel, an environment with it, a small book.
BUILDING = ("test_package", "test_notebooks", "test_notebooks_run")
PAGES = [PurePosixPath(page).name for page in solutions.pages()]
_PARAMETER = re.compile(r"\[(?:book/)?([a-z-]+?)(?:-(?:http|file|laptop|phone|light|dark|\d+))*\]$")


def page(nodeid: str) -> str | None:
    """The page of a test that shares it, where it does."""
    path = PurePosixPath(nodeid.split("::")[0])
    named = _PARAMETER.search(nodeid)
    known = path.parent.name == "site" and path.stem in SHARING and named and named[1] in PAGES
    return named[1] if known else None


def start(nodeid: str) -> tuple[int, ...]:
    """Smaller for what starts earlier: the lectures, what is built, pages, then all the others."""
    path = PurePosixPath(nodeid.split("::")[0])
    if path.suffix == ".ipynb":
        return (0,)
    if shared := page(nodeid):
        return (2, PAGES.index(shared), SHARING.index(path.stem))
    if path.stem in BUILDING:
        return (1,)
    return (3,) if path.parent.name in {"tests", "site", "recipes"} else (4,)


class Scheduling(LoadScopeScheduling):
    """One worker for the tests of a page, or of a module; they start in the order given."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        if PurePosixPath(module).stem in BUILDING:
            return "built"
        return page(nodeid) or module
