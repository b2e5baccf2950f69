"""The geometry of the pictures, in the units of their SVG; the templates draw them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sims_sync.ui.history import SHOWN, RunSummary
from sims_sync.ui.words import FLOW, Tone

_BAR, _SLOT, _HEIGHT = 3, 4, 20  # of a small picture


def sparkline(runs: Sequence[RunSummary]) -> dict[Tone, str]:
    """The last runs, the newest at the right: an SVG path for each tone. The more accounts a run changed, the higher
    its bar (as a logarithm: a first night would flatten all others); one that failed is as high as can be, and broken
    in two; one that was held has its top apart. So nobody has to tell them by their colours.

    :param runs: the newest first.
    """
    most = max((math.log1p(run.changed) for run in runs), default=0.0) or 1.0
    paths: dict[Tone, str] = {}
    for position, run in enumerate(runs[:SHOWN]):
        tone = run.label.tone
        share = 1.0 if tone == "bad" else math.log1p(run.changed) / most
        height = 3 + round(share * (_HEIGHT - 3))
        left = (SHOWN - 1 - position) * _SLOT
        paths[tone] = paths.get(tone, "") + "".join(
            f"M{left} {_HEIGHT - low}v-{high - low}h{_BAR}v{high - low}z" for low, high in _pieces(tone, height)
        )
    return paths


def _pieces(tone: Tone, height: int) -> list[tuple[int, int]]:
    """The parts of a bar, from where to where."""
    if tone == "bad":
        return [(0, 7), (11, height)]
    if tone == "warn":
        return [(0, max(height - 6, 2)), (max(height - 3, 5), max(height, 8))]
    return [(0, height)]


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    title: str
    tone: Tone


@dataclass(frozen=True)
class Mark:
    """How a run ended, in a shape and a colour.

    :param path: of the SVG.
    """

    path: str
    tone: Tone


_SHAPES: dict[Tone, str] = {
    "good": "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",  # a disc
    "info": "m-4-4h8v8h-8z",  # a square
    "warn": "m0-5l5 9h-10z",  # a triangle
    "bad": "m-5-3l2-2 3 3 3-3 2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3z",  # a cross
    "quiet": "m-4-1h8v2h-8z",  # a dash
}


@dataclass(frozen=True)
class Row:
    """One row of a school's history: a bar for each run, on a scale of its own."""

    name: str
    y: float
    most: int
    bars: list[Bar]


@dataclass(frozen=True)
class HistoryChart:
    """A school's history: one row for each number, and the outcomes below.

    :param columns: x, width, the run and its title, for the links over all rows.
    :param dates: x and words of the axis.
    """

    width: float
    height: float
    left: float
    rows: list[Row]
    columns: list[tuple[float, float, RunSummary, str]]
    outcomes: list[Mark]
    dates: list[tuple[float, str]]


_ROWS: dict[str, Tone] = {"created": "good", "updated": "info", "disabled": "warn", "rejected": "bad"}
_DATE = 60.0
"""Room for a date."""
_ROW_HEIGHT, _GAP, _LEFT, _WIDTH = 34.0, 16.0, 84.0, 720.0


def history_chart(runs: Sequence[RunSummary]) -> HistoryChart:
    """The history of a school.

    :param runs: the newest first; the oldest is drawn at the left.
    """
    in_order = list(reversed(runs))
    slot = min((_WIDTH - _LEFT) / max(len(in_order), 1), 40.0)
    thick = min(slot * 0.7, 18.0)
    places = [_LEFT + at * slot for at in range(len(in_order))]
    titles = [_title(run) for run in in_order]
    rows = []
    for number, (name, tone) in enumerate(_ROWS.items()):
        top = _GAP + number * (_ROW_HEIGHT + _GAP)
        most = max((run.counts.get(name, 0) for run in in_order), default=0)
        bars = [
            Bar(place + (slot - thick) / 2, top + _ROW_HEIGHT - height, thick, height, title, _faded(run, tone))
            for place, run, title in zip(places, in_order, titles, strict=True)
            if (height := _share(run.counts.get(name, 0), most))
        ]
        rows.append(Row(name, top, most, bars))
    bottom = _GAP + len(_ROWS) * (_ROW_HEIGHT + _GAP)
    outcomes = [
        Mark(f"M{place + slot / 2:.1f} {bottom + 4:.1f}{_SHAPES[run.label.tone]}", run.label.tone)
        for place, run in zip(places, in_order, strict=True)
    ]
    columns = [(place, slot, run, title) for place, run, title in zip(places, in_order, titles, strict=True)]
    return HistoryChart(_WIDTH, bottom + 44, _LEFT, rows, columns, outcomes, _dates(places, slot, in_order))


def _dates(places: Sequence[float], slot: float, runs: Sequence[RunSummary]) -> list[tuple[float, str]]:
    """The days of the axis, as many as have room; the newest always."""
    apart = math.ceil(_DATE / slot)
    shown = [at for at in reversed(range(len(runs))) if (len(runs) - 1 - at) % apart == 0]
    return [(places[at] + slot / 2, f"{day:%d %b}") for at in shown if (day := runs[at].effective_date)]


def _share(count: int, most: int) -> float:
    return max(2.0, count / most * _ROW_HEIGHT) if count else 0.0


def _faded(run: RunSummary, tone: Tone) -> Tone:
    return "quiet" if run.wrote_nothing else tone


def _title(run: RunSummary) -> str:
    counts = ", ".join(f"{run.counts.get(name, 0)} {name}" for name in _ROWS)
    return f"{run.effective_date or 'no date'}: {run.label.words.lower()}; {counts}"


@dataclass(frozen=True)
class Band:
    """A band from one box to another."""

    path: str
    tone: Tone
    title: str


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    height: float
    words: str
    count: int
    tone: Tone


@dataclass(frozen=True)
class Flow:
    """Where the records went."""

    width: float
    height: float
    bands: list[Band]
    boxes: list[Box]


_TALL, _BOX, _THIN, _SPACE = 190.0, 10.0, 4.0, 26.0
_X = (0.0, 250.0, 500.0)


def flow(counts: Mapping[str, int], accepted: int | None) -> Flow:
    """From the extract to what became of each record, and from the leavers' accounts to what was disabled.

    :param counts: those of the report.
    :param accepted: the records that validated, where the run came that far.
    """
    extracted = counts.get("extracted", 0)
    accepted = extracted if accepted is None else accepted
    scale = _TALL / max(extracted, 1)
    turned_away = extracted - accepted
    ends = {name: counts.get(name, 0) for name in FLOW}
    sources = [Box(_X[0], 0, _thick(extracted, scale), "extracted", extracted, "info")]
    middle = [Box(_X[1], 0, _thick(accepted, scale), "validated", accepted, "info")]
    boxes, bands, y = [], [], 0.0
    left = {"first": 0.0, "middle": 0.0}
    if accepted:
        bands.append(_band(_X[0], 0, _X[1], 0, _thick(accepted, scale), "info", f"{accepted} validated"))
    left["first"] += accepted * scale
    for name, count in ends.items():
        if not count:
            continue
        label = FLOW[name]
        height = _thick(count, scale)
        early = min(turned_away, count) if name == "rejected" else 0
        offset = 0.0
        if count - early:
            thick = _thick(count - early, scale)
            title = f"{count - early} {label.words}"
            bands.append(_band(_X[1], left["middle"], _X[2], y, thick, label.tone, title))
            left["middle"] += (count - early) * scale
            offset = thick
        if early:
            thick = _thick(early, scale)
            title = f"{early} rejected before they were compared"
            bands.append(_band(_X[0], left["first"], _X[2], y + offset, thick, label.tone, title))
            height = offset + thick
        boxes.append(Box(_X[2], y, height, label.words, count, label.tone))
        y += height + _SPACE
    if disabled := counts.get("disabled", 0):
        thick = _thick(disabled, scale)
        bands.append(_band(_X[1], y, _X[2], y, thick, "warn", f"{disabled} accounts of leavers disabled"))
        boxes += [
            Box(_X[1], y, thick, "not on roll", disabled, "warn"),
            Box(_X[2], y, thick, "disabled", disabled, "warn"),
        ]
        y += thick + _SPACE
    height = max(y - _SPACE, _TALL) + 24
    return Flow(650, height, bands, [*sources, *(middle if accepted else []), *boxes])


def _thick(count: int, scale: float) -> float:
    return max(_THIN, count * scale)


def _band(x0: float, y0: float, x1: float, y1: float, thick: float, tone: Tone, title: str) -> Band:
    start, end = x0 + _BOX, x1
    half = (start + end) / 2
    path = (
        f"M{start:.1f} {y0:.1f}C{half:.1f} {y0:.1f} {half:.1f} {y1:.1f} {end:.1f} {y1:.1f}"
        f"v{thick:.1f}C{half:.1f} {y1 + thick:.1f} {half:.1f} {y0 + thick:.1f} {start:.1f} {y0 + thick:.1f}z"
    )
    return Band(path, tone, title)
