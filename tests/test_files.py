"""A file or a folder is written whole, or the old one stays."""

import inspect
import os
from pathlib import Path

import pytest

from nlgnotes import files


def fails(*_):
    raise OSError("full")


def test_write_whole_leaves_old_or_new(tmp_path, monkeypatch):
    file = tmp_path / "a" / "f"
    files.write_whole(file, b"old")
    files.write_whole(file, "näher")
    assert file.read_text(encoding="utf-8") == "näher"
    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="full"):
        files.write_whole(file, b"new")
    assert file.read_text(encoding="utf-8") == "näher"
    assert [p.name for p in file.parent.iterdir()] == ["f"]


def test_replace_folder_leaves_old_or_new(tmp_path, monkeypatch):
    for name in ("place", "draft", "next"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)
    files.replace_folder(tmp_path / "draft", tmp_path / "place")
    assert (tmp_path / "place" / "who").read_text() == "draft" and not (tmp_path / "draft").exists()
    rename = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda self, to: fails() if self.name == "next" else rename(self, to)
    )
    with pytest.raises(OSError, match="full"):
        files.replace_folder(tmp_path / "next", tmp_path / "place")
    assert (tmp_path / "place" / "who").read_text() == "draft"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["next", "place"]


def test_an_old_folder_that_cannot_return_is_kept(tmp_path, monkeypatch):
    """Another writer takes the place between the two renames, so that neither folder fits there."""
    for name in ("place", "draft"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)
    rename = Path.rename

    def between(self, to):
        moved = rename(self, to)
        if self.name == "place":
            self.mkdir()
            (self / "who").write_text("another")
        return moved

    monkeypatch.setattr(Path, "rename", between)
    with pytest.raises(OSError, match="not empty"):
        files.replace_folder(tmp_path / "draft", tmp_path / "place")
    found = sorted(path.read_text() for path in tmp_path.rglob("who"))
    assert found == ["another", "draft", "place"]


def test_a_place_that_cannot_step_aside_is_left_as_it_was(tmp_path, monkeypatch):
    for name in ("place", "draft"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="full"):
        files.replace_folder(tmp_path / "draft", tmp_path / "place")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["draft", "place"]


def test_no_folder_takes_the_place_of_a_file(tmp_path):
    (tmp_path / "draft").mkdir()
    (tmp_path / "place").write_text("mine")
    with pytest.raises(ValueError, match="place must be that of a folder"):
        files.replace_folder(tmp_path / "draft", tmp_path / "place")
    assert (tmp_path / "place").read_text() == "mine"


@pytest.mark.parametrize("data", [None, 3, ["a"], {"a": 1}])
def test_what_is_neither_bytes_nor_text_is_refused(tmp_path, data):
    with pytest.raises(ValueError, match="data must be bytes or a string; got"):
        inspect.unwrap(files.write_whole)(tmp_path / "a" / "f", data)
    assert not (tmp_path / "a").exists()
