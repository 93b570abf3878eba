"""Open JupyterLab on the plain notebooks: ``make lab``. It asks no other host for anything."""

import os
import sys
from pathlib import Path

from notebooks import NOTEBOOKS

SETTINGS = Path(__file__).with_name("lab")  # no news, no look for updates, no package index


def command(folder: Path, *more: str) -> list[str]:
    """The command that serves a folder."""
    return [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *more]


def environment() -> dict[str, str]:
    """The environment in which JupyterLab finds our settings, before the user's own."""
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    path = os.pathsep.join([str(SETTINGS), *([others] if others else [])])
    return {**os.environ, "JUPYTER_CONFIG_PATH": path}


if __name__ == "__main__":
    words = command(NOTEBOOKS, *sys.argv[1:])
    os.execve(words[0], words, environment())
