"""The search page, over http and from a folder: words, sentences, Chinese."""

import pytest


def search(visit, how: str, query: str) -> list[dict[str, str]]:
    """What is found: address, heading, quotation and the marked words."""
    with visit(f"search.html?q={query}", how) as here:
        here.page.wait_for_selector("#search-results .search-summary", timeout=10_000)
        found = here.page.evaluate("""() => [...document.querySelectorAll('ul.search li')].map(
            each => ({address: each.querySelector('a').getAttribute('href'),
                      heading: each.querySelector('a').textContent,
                      quote: each.querySelector('.context').textContent,
                      marked: [...each.querySelectorAll('mark')].map(m => m.textContent)}))""")
        assert here.trouble() == []
    return found


@pytest.mark.parametrize("how", ["http", "file"])
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("unlikelihood", "unlikelihood"),
        ("暴露", "暴露偏差"),
        ("熵率", "熵率"),
        ("瑾瑜", "瑾瑜當年"),
    ],
)
def test_words_are_found_in_the_text_with_their_sentence(visit, how, query, word):
    found = search(visit, how, query)
    assert found
    assert any(word.lower() in f"{each['heading']} {each['quote']}".lower() for each in found)
    assert all(each["marked"] for each in found[:3])


def test_a_sentence_that_was_read_is_found_again(visit):
    found = search(visit, "file", "teacher forcing true words")
    pages = [each["address"] for each in found]
    assert any("book/likelihood.html" in page for page in pages), pages


def test_forms_of_a_word_are_one_word_and_lists_come_last(visit):
    found = search(visit, "http", "sampling")
    said = {mark.lower() for each in found for mark in each["marked"]}
    assert {"sampling", "sampled"} <= said
    first = [each["address"] for each in found[:5]]
    assert not any("api.html" in page or "changelog.html" in page for page in first)


def test_what_is_asked_is_never_read_as_html(visit):
    with visit("search.html?q=%3Cimg src=x onerror=alert(1)%3E zzz", "http") as here:
        here.page.wait_for_selector("#search-results .search-summary", timeout=10_000)
        assert "Nothing found" in here.page.inner_text("#search-results")
        assert here.page.query_selector("#search-results img") is None
        assert here.trouble() == []
