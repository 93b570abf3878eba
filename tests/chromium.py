"""The Chromium of the tests: the machine's own, or one that playwright downloads.

``python tests/chromium.py`` gets one when there is none. If it cannot, it says how, and exits
non-zero.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = (
    "On Debian: apt-get install chromium; elsewhere install Chromium or Chrome; "
    "or say where it is: CHROMIUM=/path/to/chromium make test"
)
MISSING = f"missing: a Chromium for the tests of the site. {HOW}"


def find() -> str | None:
    """Its path: that in CHROMIUM, else the first of the usual names, else playwright's own."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next((path for name in NAMES if (path := shutil.which(name))), None) or downloaded()


def downloaded() -> str | None:
    """The one that playwright has downloaded for itself, where it has."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:  # `make test` installs it
        return None
    with sync_playwright() as driver:
        path = driver.chromium.executable_path
    return path if Path(path).is_file() else None


def provide() -> None:
    """See to it that there is one that starts; exits and says how where there is none."""
    if not find() and "CHROMIUM" not in os.environ:
        print("no Chromium on this machine: playwright downloads its own", flush=True)
        # --no-shell: without a second, smaller browser that nothing here would start.
        subprocess.run([sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"])
    if not (path := find()):
        named = os.environ.get("CHROMIUM")
        sys.exit(f"CHROMIUM={named} names no program. {HOW}" if named else MISSING)
    started = subprocess.run([path, "--version"], capture_output=True, text=True)
    if started.returncode:
        said = started.stderr.strip() or started.stdout.strip()
        sys.exit(
            f"{path} does not start: {said}. Where a library of the system is missing, "
            f"{sys.executable} -m playwright install-deps chromium brings it"
        )


if __name__ == "__main__":
    provide()
