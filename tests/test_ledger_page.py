"""The page of the ledger says what its runs say: every number is computed again from the runs."""

import html
import json
import math
import re
from collections import Counter
from statistics import mean, stdev

import ledger_data
import ledger_page
import ledger_table
import nbformat
import pytest
import solutions
from scipy import stats

NAMES = ledger_page.order()
every_lecture = pytest.mark.parametrize("lecture", NAMES)
ROW = re.compile(r'<tr id="([^"]+)".*?</tr>', re.DOTALL)
CELL = re.compile(r'<td data-head="([^"]+)"[^>]*>(.*?)</td>', re.DOTALL)
NUMBER = r"−?\d+(?:\.\d+)?(?:e[−+]?\d+)?"


def packed(lecture: str) -> dict:
    """The shipped runs, as the file has them."""
    return json.loads((ledger_page.FOLDER / f"{lecture}.json").read_text(encoding="utf-8"))


def shown(lecture: str) -> dict[str, dict[str, str]]:
    """The text of each cell of the lecture's rows on the page."""
    table = ledger_table.table(ledger_page.rows(packed(lecture)), NAMES)
    return {
        html.unescape(row[1]): {
            head: re.sub("<br>", "\n", cell) for head, cell in CELL.findall(row[0])
        }
        for row in ROW.finditer(table)
    }


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def wilson(held: int, n: int) -> tuple[float, float]:
    """The two roots of (p̂ - p)² = z² p (1 - p) / n."""
    z, p = stats.norm.ppf(0.975), held / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


@every_lecture
def test_the_shares_and_verdicts_are_those_of_the_runs(lecture):
    data, rows = packed(lecture), shown(lecture)
    n = len(data["runs"])
    assert [run["seed"] for run in data["runs"]] == list(range(n)) and n >= 20
    assert list(rows) == [f"{lecture}.{claim['id']}" for claim in data["claims"]]
    for place, claim in enumerate(data["claims"]):
        row = rows[f"{lecture}.{claim['id']}"]
        held = sum(run["rows"][place]["holds"] for run in data["runs"])
        word = (
            "holds" if held >= 0.95 * n else "in part" if held >= 0.5 * n else "not at this scale"
        )
        assert row["verdict"] == (word if word == "holds" else f"✗ {word}")
        if claim["replicated"] == "fixed":
            assert row["held"] == {n: "held", 0: "failed"}[held]
        else:
            count, share, low, high = re.fullmatch(
                rf"(.*)<small>({NUMBER}) \[({NUMBER}), ({NUMBER})\]</small>", row["held"]
            ).groups()
            assert count == f"{held} of {n}"
            found = [number(text) for text in (share, low, high)]
            assert found == pytest.approx([held / n, *wilson(held, n)], abs=0.0051)


@every_lecture
def test_the_numbers_are_the_means_over_the_seeds(lecture):
    data, rows = packed(lecture), shown(lecture)
    checked = 0
    for place, claim in enumerate(data["claims"]):
        lines = rows[f"{lecture}.{claim['id']}"]["numbers"].split("<small>")[0].splitlines()
        runs = [run["rows"][place] for run in data["runs"]]
        names = list(runs[0].get("parts", {"": None}))
        by_name = {
            name: [r["parts"][name] if name else r.get("ours") for r in runs] for name in names
        }
        for name, found in by_name.items():
            values = [each[0] if each else None for each in found]
            if not all(isinstance(value, int | float) for value in values):
                continue
            prefix = f"{html.escape(name, quote=False)}: " if name else ""
            (line,) = [one for one in lines if one.startswith(prefix)]
            written = re.match(
                rf"({NUMBER})(?: \[({NUMBER}), ({NUMBER})\])?", line.removeprefix(prefix)
            )
            seen = [number(text) for text in written.groups() if text]
            if claim["replicated"] == "fixed":
                expected = found[0][:3]
            elif len(seen) == 3:
                half = stats.t.ppf(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
                expected = [mean(values), mean(values) - half, mean(values) + half]
                if 2 * max(Counter(values).values()) > len(values):  # Student's, and wider for ties
                    assert seen[1] <= expected[1] + 0.03 * half
                    assert seen[2] >= expected[2] - 0.03 * half
                    expected = expected[:1]
            else:
                expected = [mean(values)]
            expected = [end for end in expected if end is not None]
            width = seen[2] - seen[1] if len(seen) == 3 else 0
            scale = max(map(abs, expected))
            assert seen[: len(expected)] == pytest.approx(
                expected, abs=1e-12 + 1e-3 * scale + 0.06 * width
            ), (claim["id"], name)
            checked += 1
    assert checked


@every_lecture
def test_the_claims_are_those_of_the_lecture_and_seed_0_says_what_its_page_says(lecture):
    notebook = nbformat.read(solutions.ROOT / "book" / f"{lecture}.ipynb", as_version=4)
    last = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    data = packed(lecture)
    assert data["runs"][0]["seed"] == 0
    lines = [
        f"{lecture}.{claim['id']}  {'holds' if row['holds'] else 'fails'}"
        for claim, row in zip(data["claims"], data["runs"][0]["rows"], strict=True)
    ]
    assert lines == last.outputs[0].text.splitlines(), f"make ledger NAME={lecture}"


def test_every_lecture_is_there_and_no_other():
    assert set(ledger_data.read(ledger_page.FOLDER)) == set(NAMES)


@every_lecture
def test_the_shipped_file_is_as_make_ledger_writes_it(lecture, tmp_path):
    file = ledger_page.FOLDER / f"{lecture}.json"
    ledger_data.write(tmp_path, packed(lecture))
    assert (tmp_path / file.name).read_bytes() == file.read_bytes()
    again = ledger_data.pack(ledger_data.unpack(packed(lecture)))
    assert again == packed(lecture)


def test_the_rows_of_a_page_are_escaped_and_lead_to_their_claims():
    row = dict(
        ledger_page.rows(packed(NAMES[0]))[0], sentence="<b>a & b", control="<i>", unit="<u>"
    )
    table = ledger_table.table([row], NAMES)
    assert "<b>" not in table and "&lt;b&gt;a &amp; b" in table and "<i>" not in table
    assert f'href="{NAMES[0]}.html#claim-{row["id"]}"' in table
    assert f'<span id="{NAMES[0]}"></span>' in table
