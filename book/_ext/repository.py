"""Buttons at the head of a page that need the book's repository: edit, download, open in.

One setting turns them on, ``repository: url`` of ``_config.yml``. It is empty until the book has a
public home, and then no button leads nowhere. *Open in* hands over the plain notebook, which
publishing puts on the branch ``gh-pages`` (the workflow ``publish.yml``): Colab where that is on
GitHub, a JupyterHub where ``launch_buttons: jupyterhub_url`` names one.
"""

import posixpath
from urllib.parse import urlencode

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

BRANCH = "gh-pages"  # as in .github/workflows/publish.yml
FOLDER = "notebooks"  # as publish.py writes it
COLAB = "https://colab.research.google.com"
BUTTONS = ("use_repository_button", "use_edit_page_button", "use_issues_button")


def turn_on(app: Sphinx, config: Config) -> None:
    """Let the theme show its buttons where there is a repository, and none of them otherwise."""
    options = config.html_theme_options
    for button in BUTTONS:
        options[button] = bool(options.get("repository_url"))
    # The theme would open the lecture's source, which only the book's build can read whole.
    app.launch_settings = options.pop("launch_buttons", {})


def add_buttons(
    app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None
) -> None:
    """On a lecture: its plain notebook, to download and to open on a machine that runs it."""
    url = app.config.html_theme_options.get("repository_url", "").rstrip("/")
    if not url or document is None or not app.env.doc2path(page).endswith(".ipynb"):
        return
    name = posixpath.basename(page)
    notebook = context["pathto"](f"_notebooks/{name}.ipynb", 1)
    shown = [_button("This lecture as a notebook", "fas fa-download", notebook, "download")]
    shown += [
        _button(f"Open in {where}", f"_static/images/logo_{where.lower()}.{kind}", address, "open")
        for where, kind, address in hosts(url, name, app.launch_settings.get("jupyterhub_url", ""))
    ]
    context["header_buttons"].append(
        {
            "type": "group",
            "tooltip": "Download or open in",
            "icon": "fas fa-download",
            "buttons": shown,
            "label": "notebook-buttons",
        }
    )


def hosts(url: str, name: str, hub: str) -> list[tuple[str, str, str]]:
    """Who can run a lecture: the name, the kind of its logo, the address with the notebook."""
    file, repository = f"{FOLDER}/{name}.ipynb", url.rpartition("/")[2]
    found = []
    if "://github.com/" in url:
        owned = url.partition("://github.com/")[2]
        found.append(("Colab", "png", f"{COLAB}/github/{owned}/blob/{BRANCH}/{file}"))
    if hub:
        asked = {"repo": url, "branch": BRANCH, "urlpath": f"lab/tree/{repository}/{file}"}
        pull = f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{urlencode(asked, safe='/')}"
        found.append(("JupyterHub", "svg", pull))
    return found


def _button(said: str, icon: str, address: str, label: str) -> dict:
    return {"type": "link", "text": said, "icon": icon, "url": address, "label": label}


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", turn_on)
    app.connect("html-page-context", add_buttons, priority=550)  # the theme adds its own at 501
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
