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


@pytest.mark.parametrize("data", [None, 3, ["a"], {"a": 1}])
def test_what_is_neither_bytes_nor_text_is_refused(tmp_path, data):
    with pytest.raises(ValueError, match="data must be bytes or a string; got"):
        inspect.unwrap(files.write_whole)(tmp_path / "a" / "f", data)
    assert not (tmp_path / "a").exists()
