"""Open JupyterLab on the plain notebooks: ``make lab``. It asks no other host for anything."""

import os
import sys
from pathlib import Path

from notebooks import NOTEBOOKS

SETTINGS = Path(__file__).with_name("jupyter_lab_config.py")


def command(folder: Path, *more: str) -> list[str]:
    """The command that serves a folder."""
    lab = [sys.executable, "-m", "jupyterlab", f"--config={SETTINGS}"]
    return [*lab, f"--notebook-dir={folder}", *more]


if __name__ == "__main__":
    words = command(NOTEBOOKS, *sys.argv[1:])
    os.execv(words[0], words)
