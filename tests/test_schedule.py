"""Which tests stay together, and what starts first."""

import pytest
import schedule


@pytest.mark.parametrize(
    ("nodeid", "page"),
    [
        ("tests/site/test_pages.py::test_a[book/gumbel-softmax-http]", "gumbel-softmax"),
        ("tests/site/test_paper.py::test_a[book/api]", "api"),
        ("tests/site/test_reading.py::test_a[in-context-learning-900]", "in-context-learning"),
        ("tests/site/test_explorers.py::test_a[decoder-phone]", "decoder"),
        ("tests/site/test_reading.py::test_a", None),
        ("tests/site/test_search.py::test_a[decoder-http]", None),
        ("tests/site/test_pages.py::test_a[book/no-such-page-http]", None),
        ("tests/test_lectures.py::test_a[decoder]", None),
    ],
)
def test_tests_of_a_page_are_known_by_their_parameter(nodeid, page):
    assert schedule.page(nodeid) == page


def test_lectures_start_first_and_the_tests_of_a_page_follow_each_other():
    order = [
        "_build/nbval/reasoning.ipynb::Cell 0",
        "tests/test_package.py::test_a",
        "tests/site/test_paper.py::test_a[book/decoder]",
        "tests/site/test_pages.py::test_a[book/decoder-http]",
        "tests/site/test_explorers.py::test_a[decoder-http]",
        "tests/site/test_paper.py::test_a[book/likelihood]",
        "tests/test_build.py::test_a",
        "tests/equations/test_sampling.py::test_a",
    ]
    backwards = order[::-1]
    assert sorted(backwards, key=schedule.start) == order


def test_one_worker_gets_a_page_a_module_or_what_shares_a_build():
    scheduling = schedule.Scheduling.__new__(schedule.Scheduling)
    for expected, nodeids in {
        "decoder": [
            "tests/site/test_paper.py::a[book/decoder]",
            "tests/site/test_claims.py::b[decoder]",
        ],
        "built": ["tests/test_package.py::a", "tests/test_notebooks_run.py::b[http]"],
        "tests/test_build.py": ["tests/test_build.py::a", "tests/test_build.py::b[x]"],
        "_build/nbval/decoder.ipynb": ["_build/nbval/decoder.ipynb::Cell 3"],
    }.items():
        assert {scheduling._split_scope(nodeid) for nodeid in nodeids} == {expected}


def test_every_test_that_shares_a_page_is_scheduled_with_it(request):
    items = request.session.items
    # The cells of a notebook use no fixtures.
    sharing = [i.nodeid for i in items if "shared" in getattr(i, "fixturenames", ())]
    alone = [nodeid for nodeid in sharing if schedule.page(nodeid.split("@")[0]) is None]
    assert [nodeid for nodeid in alone if "[a small lecture-" not in nodeid] == []
