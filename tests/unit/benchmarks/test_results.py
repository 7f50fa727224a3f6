"""benchmarks.results and .page: what a run found survives the file, compares, and becomes a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.figures import FIGURES
from benchmarks.ledger import Delivery, Reconciliation
from benchmarks.measure import Measurement
from benchmarks.page import write_page
from benchmarks.plan import Plan
from benchmarks.report import show
from benchmarks.results import BASELINE, Result, ResultError, compare, load, new_result, quantiles
from benchmarks.stats import Spread, Verdict

GOOD = Reconciliation(10, 10, [], [], [], 0)


def measurement(account: Reconciliation = GOOD, **figures: float) -> Measurement:
    return Measurement(
        figures,
        2.0,
        {"gateway": 1.0, "load client": 0.5},
        account,
        samples={"latency": [3.0, 1.0, 2.0]},
        notes={"a & b": 1.0},
    )


def result(*latencies: float) -> Result:
    made = new_result(Plan())
    for number, value in enumerate(latencies, start=1):
        made.add("latency", number, measurement(latency_p50=value))
    return made


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    before = result(1.0, 2.0, 3.0)
    before.dump(tmp_path / "deep" / "result.json")
    assert load(tmp_path / "deep" / "result.json") == before
    assert before.spread("latency_p50") == Spread(2, 1, 3)
    assert before.spread("fanout_cpu") is None
    assert before.cpu["latency"] == {"gateway": 0.5, "load client": 0.25}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 0}', '{"version": 1}', '{"version": 1, "plan": {}, "surprise": 1}']
)
def test_what_is_no_result_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=r"other\.json"):
        load(path)


def test_what_has_no_load_client_is_shown_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    alone = Measurement({"pushes": 3_000.0}, 2.0, {"worker": 1.0})
    made = new_result(Plan())
    made.add("sending", 1, alone)
    assert alone.load_client_share == 0.0
    show(made, [], None)
    assert "sending" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"gone\.json"):
        load(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "account",
    [
        GOOD._replace(missing=[Delivery(0, "n")]),
        GOOD._replace(doubled=[Delivery(0, "n")]),
        GOOD._replace(strange=[Delivery(0, "n")]),
        GOOD._replace(gaps=1),
    ],
)
def test_a_delivery_that_is_not_accounted_for_fails_the_run(account: Reconciliation) -> None:
    made = result(1.0)
    assert made.failed == []
    made.add("fanout", 2, measurement(account, fanout_cpu=1.0))
    assert len(made.failed) == 1
    assert "fanout, round 2" in made.failed[0]


def test_figures_are_compared_in_their_usual_order_and_only_where_both_have_them() -> None:
    now, base = result(10.0, 11.0), result(1.0, 1.1)
    now.add("fanout", 1, measurement(fanout_cpu=1.0))
    rows = compare(now, base)
    assert [row.figure.name for row in rows] == ["latency_p50", "fanout_cpu"]
    assert rows[0].verdict is Verdict.WORSE
    assert rows[0].change == pytest.approx(9.0)
    assert (rows[1].verdict, rows[1].base) == (None, None)
    assert [row.verdict for row in compare(now, None)] == [None, None]


def test_quantiles_keep_both_ends() -> None:
    assert quantiles([5.0, 1.0, 3.0], 2) == [1, 3, 5]
    assert quantiles([2.0], 4) == [2, 2, 2, 2, 2]
    assert quantiles([], 4) == []


def test_the_page_is_whole_and_escaped_and_fetches_nothing(tmp_path: Path) -> None:
    now = result(1.0, 2.0)
    now.failed.append("<script>alert(1)</script>")
    write_page(tmp_path / "page.html", now, compare(now, result(1.0)), result(1.0))
    text = (tmp_path / "page.html").read_text()
    assert "<script>" not in text
    opened: list[str] = []
    closed: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            opened.append(tag)
            assert not {name for name, _ in attrs} & {"src", "href"}

        def handle_endtag(self, tag: str) -> None:
            closed.append(tag)

    Tags().feed(text)
    assert opened.count("svg") == closed.count("svg") >= 3


def test_the_committed_baseline_has_every_figure() -> None:
    base = load(BASELINE)
    assert set(base.rounds) == set(FIGURES)
    assert base.failed == []
    assert json.loads(BASELINE.read_text())["plan"] == Plan().asdict()
