"""What the executed pages put out: in the jupyter-cache where myst-nb looks before it executes.

Each record also says under which key the page was executed (see ``pages``), the seconds of its
cells, and the outputs of what came after them: those are no part of the page.
"""

from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.cache.db import NbCacheRecord, session_context
from nbformat import NotebookNode
from sqlalchemy.exc import SQLAlchemyError

from pages import Page


def opened(folder: Path) -> JupyterCacheAbstract:
    """The cache in a folder. One that cannot be read is made anew."""
    cache = get_cache(folder)
    try:
        cache.list_cache_records()
    except (RuntimeError, SQLAlchemyError):
        print(f"the executed notebooks in {folder} cannot be read: starting anew", flush=True)
        cache.clear_cache()
    return cache


def is_kept(cache: JupyterCacheAbstract, page: Page, key: str) -> bool:
    """Whether the cache holds the outputs of a page, whole, as they were made under this key."""
    try:
        record = cache.match_cache_notebook(page.notebook)
        if (record.data or {}).get("sources") != key:
            return False
        cache.get_cache_bundle(record.pk)
    except (KeyError, ValueError, nbformat.ValidationError):  # none, or a file that is not whole
        return False
    return True


def outputs(cache: JupyterCacheAbstract, page: Page) -> list[tuple[str, list[NotebookNode]]]:
    """The source and the outputs of each code cell of a kept page, and of what comes after."""
    record = cache.match_cache_notebook(page.notebook)
    _, merged = cache.merge_match_into_notebook(page.notebook)
    own = [(cell.source, cell.outputs) for cell in merged.cells if cell.cell_type == "code"]
    after = [[nbformat.from_dict(each) for each in cell] for cell in record.data["after"]]
    return own + list(zip((cell.source for cell in page.after()), after, strict=True))


def keep(
    cache: JupyterCacheAbstract, page: Page, executed: NotebookNode, data: dict, key: str
) -> None:
    """Put an executed notebook into the cache, and remove what it held of this page before."""
    bundle = CacheBundleIn(executed, str(page.file), data=data)
    record = cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    # The key comes last: a notebook whose writing was interrupted has none, and is executed again.
    with session_context(cache.db) as session:
        kept = session.get(NbCacheRecord, record.pk)
        kept.data = {**data, "sources": key}
        session.commit()
    for old in NbCacheRecord.records_from_uri(str(page.file), cache.db):
        if old.pk != record.pk:
            _forget(cache, old.pk)


def _forget(cache: JupyterCacheAbstract, pk: int) -> None:
    try:
        cache.remove_cache(pk)
    except KeyError:  # its file is gone already
        NbCacheRecord.remove_records([pk], cache.db)


def seconds(cache: JupyterCacheAbstract, found: list[Page]) -> dict[str, float]:
    """The seconds that each page took last, where the cache knows."""
    records = [record for record in cache.list_cache_records() if record.data]
    taken = {record.uri: record.data["execution_seconds"] for record in records}
    return {page.name: taken[str(page.file)] for page in found if str(page.file) in taken}
