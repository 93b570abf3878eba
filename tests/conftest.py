"""Every test runs with the package's shapes enforced, with one thread per worker, and leaves no
figure open.
"""

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
