"""Nothing is lost: a file or a folder is written whole, or the old one stays."""

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["replace_folder", "write_whole"]


def write_whole(path: str | Path, data: bytes | str) -> None:
    """Write a file so that its name holds the old content or the new, never a part: write beside, flush, rename.

    Args:
        path: where; missing folders above it are made.
        data: bytes, or text to be written as UTF-8.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def replace_folder(draft: str | Path, place: str | Path) -> None:
    """Rename a finished folder into place; an old one steps aside first and comes back if that fails.

    Args:
        draft: the new folder, on the same file system as ``place``.
        place: where it shall stand.
    """
    draft, place = Path(draft), Path(place)
    if not place.exists():
        draft.rename(place)
        return
    aside = Path(
        tempfile.mkdtemp(prefix=f".{place.name}.old.", suffix=".partial", dir=place.parent)
    )
    place.rename(aside / "old")
    try:
        draft.rename(place)
    except BaseException:
        (aside / "old").rename(place)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
