"""The table that a benchmark ends with can be read on a terminal of 80 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from keyhole.bench.records import EDGE_ONLY, Design
from keyhole.bench.results import Results
from keyhole.bench.summary import print_results
from tests.bench.making import run
from tests.bench.standard import standard_run


def _shown(results: Results, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as caught:
        print_results(console, results)
    return caught.get()


def test_it_says_how_few_pictures_are_behind_it() -> None:
    shown = " ".join(_shown(run()).split())
    assert "Pictures behind a leak: 5 at least, seeds: 2; a conclusion needs 32 pictures of an optimiser" in shown


def test_it_shows_what_was_read_then_thumbnails_then_scores_and_who_sees_nothing() -> None:
    shown = _shown(run())
    assert "toy: what each design costs, and what the strongest attack shows of its pictures" in " ".join(shown.split())
    lines = [line for line in shown.splitlines() if line.strip()]
    headings = next(line for line in lines if "thumbnail" in line)
    assert headings.index("read") < headings.index("thumbnail") < headings.index("SSIM")
    (blind,) = (line for line in lines if line.split()[0] == "blind")
    assert blind.split() == ["blind", "nothing", "0.150"]


def test_it_names_the_only_attack_that_was_tried() -> None:
    one = replace(run(), leaks=[leak for leak in run().leaks if leak.attack == "pixels-white"])
    assert "what pixels-white, the only attack, shows of its pictures" in " ".join(_shown(one).split())


@pytest.mark.parametrize("width", [80, 100])
def test_words_stay_whole_and_each_target_has_a_table(width: int) -> None:
    results = standard_run()
    shown = _shown(results, width)
    assert max(map(len, shown.splitlines())) <= width
    words = {word.rstrip(",:") for word in shown.split()}
    assert {"thumbnail", "SSIM", "read", "p50", "acc.", *results.links, *results.targets} <= words
    for design in results.designs:
        assert {design.cut, design.defence, design.codec} - {"none"} <= words
    assert "…" not in shown


def test_a_target_without_a_scale_has_no_thumbnails_and_no_blind_row() -> None:
    shown = _shown(replace(run(), scales=()), 160)
    rows = [line.split() for line in shown.splitlines() if line.strip()]
    assert not [row for row in rows if row[0] == "blind"]
    design = next(design for design in run().designs if isinstance(design, Design) and design.cut != EDGE_ONLY)
    (row, *_) = (row for row in rows if row[0].rstrip(",") == design.cut)
    assert "–" in row
