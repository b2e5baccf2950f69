"""The pictures draw every record and every run, and nothing twice."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims_sync.ui.charts import flow, history_chart, sparkline
from sims_sync.ui.history import RunSummary
from sims_sync.ui.words import FLOW, OUTCOMES


def run(outcome: str = "success", **counts: int) -> RunSummary:
    return RunSummary(run_id="r", outcome=outcome, effective_date=date(2026, 9, 15), counts=counts)


ends = st.fixed_dictionaries({name: st.integers(0, 3000) for name in (*FLOW, "disabled")})


@given(ends, st.integers(0, 3000))
def test_the_flow_has_a_box_for_each_end_that_some_record_met_and_none_overlap(
    counts: dict[str, int], early: int
) -> None:
    extracted = sum(counts[name] for name in FLOW)
    accepted = extracted - min(early, counts["rejected"])
    picture = flow({**counts, "extracted": extracted}, accepted)
    ends_met = [box for box in picture.boxes if box.x == 500]
    assert {box.words: box.count for box in ends_met} == {name: count for name, count in counts.items() if count}
    for above, below in pairwise(ends_met):
        assert above.y + above.height < below.y
    assert all(box.y + box.height <= picture.height for box in picture.boxes)


def test_records_that_were_rejected_before_and_after_validation_flow_into_one_end() -> None:
    picture = flow({"extracted": 10, "rejected": 4, "unchanged": 6}, 7)
    titles = {band.title for band in picture.bands}
    assert titles == {"7 validated", "3 rejected before they were compared", "1 rejected", "6 unchanged"}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_has_its_colour_in_the_small_picture(outcome: str) -> None:
    assert list(sparkline([run(outcome, created=3)])) == [OUTCOMES[outcome].tone]


@given(st.lists(st.sampled_from(list(OUTCOMES)).map(lambda outcome: run(outcome, updated=2)), max_size=40))
def test_the_small_picture_has_a_bar_for_each_of_the_last_30_runs_in_its_place(runs: list[RunSummary]) -> None:
    places = {int(place) for path in sparkline(runs).values() for place in re.findall(r"M(-?\d+) ", path)}
    assert sorted(places) == sorted((29 - position) * 4 for position in range(min(len(runs), 30)))


def test_the_newest_run_of_the_history_is_at_the_right_and_each_is_a_link() -> None:
    chart = history_chart([run(created=1), run("failed"), run(created=4)])
    assert [column[2].outcome for column in chart.columns] == ["success", "failed", "success"]
    created = chart.rows[0]
    assert (created.name, created.most, len(created.bars)) == ("created", 4, 2)
    assert created.bars[0].height == 4 * created.bars[1].height


def test_outcomes_are_shapes_as_well_as_colours() -> None:
    tones = ("success", "failed", "held", "superseded", "under_way")
    marks = history_chart([run(outcome) for outcome in tones]).outcomes
    assert len({re.sub(r"^M[\d.]+ [\d.]+", "", mark.path) for mark in marks}) == len(tones)
    bars = [sparkline([run(outcome, created=900)]) for outcome in ("success", "failed", "held")]
    assert [path.count("M") for each in bars for path in each.values()] == [1, 2, 2]


@pytest.mark.parametrize("number", [1, 2, 15, 30])
def test_the_axis_of_the_history_has_dates_that_do_not_touch_and_that_of_the_newest_run(number: int) -> None:
    runs = [replace(run(), effective_date=date(2026, 9, 30) - timedelta(days=ago)) for ago in range(number)]
    dates = history_chart(runs).dates
    assert dates[0][1] == "30 Sep"
    places = sorted(place for place, _ in dates)
    assert all(after - before >= 60 for before, after in pairwise(places))
