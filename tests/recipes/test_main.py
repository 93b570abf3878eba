"""The command line makes what it is asked for, and says what there is."""

import pytest

from nlgnotes.recipes import __main__
from nlgnotes.recipes.catalogue import EXPERIMENTS, RECIPES


def test_the_command_line(capsys, monkeypatch):
    assert __main__.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*RECIPES, *EXPERIMENTS))
    asked = []
    monkeypatch.setattr(
        __main__,
        "run",
        lambda made, force: asked.append((made.name, force)) or made.name != "even-lm",
    )
    monkeypatch.setattr(
        __main__,
        "run_experiment",
        lambda experiment, force: asked.append((experiment.name, force)) or True,
    )
    assert (
        __main__.main(["newswire-lm"]) == 0
        and __main__.main(["even-lm", "--force"]) == 1
        and __main__.main(["--all"]) == 1
    )
    assert asked == [
        ("newswire-lm", False),
        ("even-lm", True),
        *((name, False) for name in (*RECIPES, *EXPERIMENTS)),
    ]
    with pytest.raises(SystemExit):
        __main__.main(["no-such-lm"])
    assert "NAME must be one of newswire-lm" in capsys.readouterr().err

    def interrupt(made, force):
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "run", interrupt)
    assert (
        __main__.main(["even-lm"]) == 130
        and "goes on where this one stopped" in capsys.readouterr().err
    )
