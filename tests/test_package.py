"""The package as others install it: what it declares, and a wheel outside the checkout."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from offline import loopback

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORTED_AS = {"pillow": "PIL"}
GENERATE = """
import nlgnotes, pathlib, sys, torch
from nlgnotes import checkpoints, measurements
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import Sampler
from nlgnotes.randomness import generator
assert pathlib.Path(nlgnotes.__file__).is_relative_to(sys.prefix), nlgnotes.__file__
loaded = checkpoints.load("newswire-lm")
start = torch.zeros(1, 1, dtype=torch.long)
made = generate(loaded.model, start, max_new_tokens=20, sampler=Sampler(), generator=generator(0))
print(" ".join(loaded.words[i] for i in made.tokens[0]), len(measurements.available()))
"""


def pinned() -> dict[str, str]:
    """Every exact version of requirements.txt, by the package's name in lower case."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([\w.-]+)==([^\s;#]+)", line) for line in lines)
    return {m[1].lower().replace("_", "-"): m[2] for m in found if m}


def third_party() -> set[str]:
    """The top-level modules that the package imports and that are neither its own nor Python's."""
    found: set[str] = set()
    for path in (ROOT / "nlgnotes").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"nlgnotes"}


def test_the_declared_dependencies_are_what_the_package_imports_at_the_pinned_versions():
    declared = dict(each.split("==") for each in PROJECT["dependencies"])
    assert {k: pinned()[k] for k in declared} == declared
    modules = {IMPORTED_AS.get(name, name) for name in declared}
    # transformers is an optional extra, imported where it is asked for.
    assert third_party() - {"transformers"} == modules


def test_a_package_has_one_exact_version_wherever_it_is_pinned():
    extras = PROJECT["optional-dependencies"]
    seen = {name: {version} for name, version in pinned().items()}
    for line in [*PROJECT["dependencies"], *(each for extra in extras.values() for each in extra)]:
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), f"{line} is not exact"
        name, version = line.lower().replace("_", "-").split("==")
        seen.setdefault(name, set()).add(version)
    assert {name: found for name, found in seen.items() if len(found) > 1} == {}
    assert {"transformers"} <= {line.split("==")[0] for line in extras["peers"]}


def run_in(environment: Path, folder: Path) -> str:
    """What a short program prints with that environment's Python, far from the checkout."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    clean["PYTHONPATH"] = loopback.FOLDER
    command = [str(environment / "bin" / "python"), "-c", GENERATE]
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_module_and_all_that_is_shipped(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    kinds = {".py", ".json", ".safetensors"}
    files = [f for f in (ROOT / "nlgnotes").rglob("*") if f.is_file() and f.suffix in kinds]
    kept = {str(f.relative_to(ROOT)) for f in files if ".partial" not in str(f)}
    assert kept <= names
    assert not [n for n in names if n.startswith(("tests/", "book/"))]


def test_an_installed_wheel_generates_outside_the_checkout(installed, tmp_path):
    assert run_in(installed, tmp_path).strip()


@pytest.mark.skipif(not os.environ.get("CI"), reason="fetches every dependency: once, in CI")
def test_pip_install_in_an_empty_environment_gives_a_working_package(wheel, tmp_path):
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    online = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}  # see `offline`
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True, env=online)
    assert run_in(environment, tmp_path).strip()
