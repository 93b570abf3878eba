"""Open JupyterLab on the plain notebooks: ``make lab``. It asks no other host for anything."""

import os
import sys
from pathlib import Path

from notebooks import NOTEBOOKS

# No news, no look for a newer version, no list of extensions from a package index.
NEVER = "jupyterlab.handlers.announcements.NeverCheckForUpdate"
QUIET = [
    "--LabApp.news_url=None",
    f"--LabApp.check_for_updates_class={NEVER}",
    "--LabApp.extension_manager=readonly",
]


def command(folder: Path, *more: str) -> list[str]:
    """The command that serves a folder."""
    return [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *QUIET, *more]


if __name__ == "__main__":
    words = command(NOTEBOOKS, *sys.argv[1:])
    os.execv(words[0], words)
