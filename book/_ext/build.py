"""Execute the lectures and build the site; ``make book`` and the tests call this.

The build happens in ``_build/work``, which keeps the executed notebooks; only a whole new site
takes the place of the last good one in ``_build/html``.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import execute
import fetch_assets
import solutions

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "_build" / "work"
SITE = ROOT / "_build" / "html"
EXECUTED = ".jupyter_cache"  # where myst-nb looks, in the folder in which Jupyter Book builds
SKIPPED = {"__pycache__", "_assets", ".ipynb_checkpoints", ".ruff_cache", "slides"}


def digest(*places: str) -> str:
    """One checksum of every file under the given places."""
    total = hashlib.sha256()
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if (
                file.is_file()
                and not SKIPPED & set(file.relative_to(ROOT).parts)
                and file.suffix != ".partial"
            ):
                total.update(f"{file.relative_to(ROOT)}\0".encode())
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def is_current(site: Path | None = None) -> bool:
    """Whether the site in place, or another edition of it, is of exactly these sources."""
    stamp = (site or SITE) / ".sources"
    return stamp.is_file() and stamp.read_text() == digest_of_sources()


def build() -> Path:
    """Build the whole site and put it in place; returns its first page.

    Exits when a page or a cell fails, and leaves the last good site where it is.
    """
    fetch_assets.main()
    sources = digest_of_sources()
    try:
        execute.fill(WORK / "_build" / EXECUTED, ROOT, solutions.pages())
    except execute.ExecutionError as error:
        sys.exit(f"the book was not built: {error}{_last_good(SITE)}")
    return write(WORK, SITE, sources)


def write(work: Path, site: Path, sources: str, config: Path = ROOT / "_config.yml") -> Path:
    """Write a site from the executed notebooks and put it in place; returns its first page.

    Args:
        work: where Jupyter Book builds.
        site: where the site goes, once all of it is there.
        sources: the checksum of what it is built from.
        config: Jupyter Book's configuration.
    """
    (work / "_build").mkdir(parents=True, exist_ok=True)
    for leftover in (work / "_build").iterdir():
        if leftover.is_dir() and leftover.name != EXECUTED:
            shutil.rmtree(leftover)
    command = ["build", str(ROOT), "--path-output", str(work), "--config", str(config)]
    command += ["--all", "-W", "-n", "--keep-going"]
    program = str(Path(sys.executable).with_name("jupyter-book"))
    if subprocess.run([program, *command], env=execute.environment()).returncode:
        sys.exit(f"the book was not built: see the warnings and errors above{_last_good(site)}")
    fresh, old = site.with_name(f"{site.name}.partial"), site.with_name(f"{site.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    unwanted = shutil.ignore_patterns(".doctrees", ".buildinfo")
    shutil.copytree(work / "_build" / "html", fresh, ignore=unwanted)
    (fresh / ".sources").write_text(sources)
    (fresh / ".nojekyll").touch()
    if site.exists():
        site.rename(old)
    fresh.rename(site)
    shutil.rmtree(old, ignore_errors=True)
    return site / "index.html"


def _last_good(site: Path) -> str:
    return f"; the last good site stays in {site}" if site.is_dir() else ""


def digest_of_sources() -> str:
    return digest("_config.yml", "_toc.yml", "book", "nlgnotes", "requirements.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-stale", action="store_true", help="not when the site is up to date")
    if parser.parse_args().if_stale and is_current():
        print(f"up to date: {SITE / 'index.html'}")
    else:
        print(f"the book is built: open {build()}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(f"interrupted: what was executed is kept{_last_good(SITE)}")
