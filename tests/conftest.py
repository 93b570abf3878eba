"""Every test runs with the package's shapes enforced, with one thread per worker, and leaves no
figure open.
"""

import json
import subprocess
import sys

from jaxtyping import install_import_hook

install_import_hook("nlgnotes", "beartype.beartype")

import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many workers of `-n auto` as lectures are executed side by side."""
    import execute  # of book/_ext

    return execute.workers()


@pytest.fixture(autouse=True)
def no_figure_left():
    """Close what a test drew: a later test may count the open figures."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


# Reads [setup, {name: expression}] and answers {name: [kind, words]}: of an error its type and what
# it says, of a value "value" and how it prints.
PLAIN = """
import json, sys
setup, cases = json.load(sys.stdin)
names = {}
exec(setup, names)
answers = {}
for name, case in cases.items():
    try:
        answers[name] = ["value", repr(eval(case, names))]
    except Exception as error:
        answers[name] = [type(error).__name__, str(error)]
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="session")
def plain():
    """Evaluate expressions as a user would: in a process without the tests' checks of types."""

    def evaluate(setup, cases):
        done = subprocess.run(
            [sys.executable, "-c", PLAIN],
            input=json.dumps([setup, cases]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return evaluate
