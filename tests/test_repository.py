"""The buttons that need the book's repository: all of them where there is one, else none."""

import io

import nbformat
import pytest
import repository
import solutions
import yaml
from bs4 import BeautifulSoup
from jupyter_book.config import yaml_to_sphinx
from nbformat.v4 import new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

CONFIG = yaml.safe_load((solutions.ROOT / "_config.yml").read_text(encoding="utf-8"))
HOME = "https://github.com/somebody/a-book"
PLAIN = "notebooks/lecture.ipynb"


@pytest.fixture
def head(tmp_path):
    """Builds a book of a lecture and a text: the links at the head of a page, by their words."""

    def build(url, hub="", page="lecture"):
        source = tmp_path / "source"
        (source / "book").mkdir(parents=True)
        kernel = {"kernelspec": {"display_name": "P", "language": "python", "name": "python3"}}
        lecture = new_notebook(cells=[new_markdown_cell("# A lecture\n\nWords.")], metadata=kernel)
        nbformat.write(lecture, source / "book" / "lecture.ipynb")
        (source / "book" / "text.md").write_text("# A text\n")
        (source / "index.md").write_text("# Book\n\n```{toctree}\nbook/lecture\nbook/text\n```\n")
        # As Jupyter Book hands it on.
        launch = {**CONFIG["launch_buttons"], "jupyterhub_url": hub}
        asked = {**CONFIG, "repository": {**CONFIG["repository"], "url": url}}
        options = yaml_to_sphinx({**asked, "launch_buttons": launch})[0]["html_theme_options"]
        options.pop("logo", None)
        settings = {
            "extensions": ["myst_nb", "repository"],
            "nb_execution_mode": "off",
            "html_theme": "sphinx_book_theme",
            "html_theme_options": {**options, "use_download_button": False},
        }
        out, warnings = tmp_path / "site", io.StringIO()
        with docutils_namespace():
            Sphinx(source, None, out, tmp_path / "trees", "html", settings, None, warnings).build()
        assert warnings.getvalue() == ""
        soup = BeautifulSoup((out / "book" / f"{page}.html").read_text("utf-8"), "html.parser")
        return {
            link.get_text(strip=True): link["href"]
            for link in soup.select(".article-header-buttons a")
        }

    return build


def test_without_a_repository_no_button_leads_nowhere(head):
    assert CONFIG["repository"]["url"] == "" == CONFIG["launch_buttons"]["jupyterhub_url"]
    assert head("", hub="https://hub.example.org") == {}


def test_one_setting_turns_on_all_buttons_of_a_lecture(head):
    assert head(HOME) == {
        "Repository": HOME,
        "Suggest edit": f"{HOME}/edit/main/book/lecture.ipynb",
        "Open issue": f"{HOME}/issues/new?title=Issue%20on%20page%20%2Fbook/lecture.html"
        "&body=Your%20issue%20content%20here.",
        "This lecture as a notebook": "../_notebooks/lecture.ipynb",
        "Open in Colab": "https://colab.research.google.com/github/somebody/a-book/blob/gh-pages/"
        + PLAIN,
    }


def test_a_text_can_be_edited_and_not_opened_elsewhere(head):
    assert set(head(HOME, page="text")) == {"Repository", "Suggest edit", "Open issue"}


def test_a_hub_gets_the_plain_notebook_and_colab_only_what_is_on_github():
    assert repository.hosts("https://gitlab.com/a/b", "lecture", "") == []
    [(where, _, address)] = repository.hosts(
        "https://gitlab.com/a/b", "lecture", "https://hub.example.org/"
    )
    assert where == "JupyterHub" and address == (
        "https://hub.example.org/hub/user-redirect/git-pull?repo=https%3A//gitlab.com/a/b"
        f"&branch=gh-pages&urlpath=lab/tree/b/{PLAIN}"
    )
