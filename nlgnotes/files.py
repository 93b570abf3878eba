"""Files and folders that are replaced whole: whoever reads sees the old one or the new one.

Of a folder, for a moment, neither.
"""

import os
import shutil
import tempfile
from pathlib import Path

from nlgnotes.validation import check_path

__all__ = ["replace_folder", "write_whole"]


def write_whole(path: str | Path, data: bytes | str) -> None:
    """Write a file so that its name holds the old content or the new one, never a part.

    Written beside its place, flushed to the disk, then renamed.

    Args:
        path: where; missing folders above it are made.
        data: bytes, or text to be written as UTF-8.

    Raises:
        ValueError: ``path`` is a folder or no path, ``data`` is neither bytes nor text.
        OSError: the disk refuses; the old content stays.
    """
    if not isinstance(data, bytes | str):
        raise ValueError(f"data must be bytes or a string; got {type(data).__name__}")
    path = check_path("path", path)
    if path.is_dir():
        raise ValueError(f"path must be that of a file; {path} is a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            # Else a power cut after the rename could leave the new name on an empty file.
            os.fsync(file.fileno())
        # mkstemp lets only its owner read.
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:  # also an interruption from the keyboard leaves no draft behind
        Path(draft).unlink(missing_ok=True)
        raise


def replace_folder(draft: str | Path, place: str | Path) -> None:
    """Rename a finished folder into place; an old one steps aside first and returns on failure.

    Args:
        draft: the new folder, on the same file system as ``place``.
        place: where it shall stand.

    Raises:
        ValueError: ``draft`` is no folder, or ``place`` is a file.
        OSError: the disk refuses; the old folder stays, or, where even that is refused, what is
            left of it lies beside its place under a name that ends in ``.partial``.
    """
    draft, place = check_path("draft", draft), check_path("place", place)
    if not draft.is_dir():
        raise ValueError(f"draft must be a folder; got {draft}")
    if place.is_file():
        raise ValueError(f"place must be that of a folder; {place} is a file")
    if not place.exists():
        draft.rename(place)
        return
    # A folder cannot be renamed onto one that is not empty, so the old one goes first.
    aside = Path(
        tempfile.mkdtemp(prefix=f".{place.name}.old.", suffix=".partial", dir=place.parent)
    )
    try:
        place.rename(aside / "old")
        draft.rename(place)
    except BaseException:
        if (aside / "old").exists():
            (aside / "old").rename(place)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
