"""What a report says of measurements that are missing."""

from __future__ import annotations

from dataclasses import replace

from keyhole.bench.advice.options import options
from keyhole.bench.advice.wording import design_text
from keyhole.bench.report.content import missing_measurements
from tests.bench.making import DESIGNS, LINKS, run


def test_designs_that_lack_a_measurement_are_named() -> None:
    results = run()
    lacking = replace(results, accuracies=[found for found in results.accuracies if found.design != DESIGNS[3]])
    (line,) = missing_measurements(options(lacking), LINKS)
    assert line == "Accuracy: missing for cut at `layer1.0`, gaussian:scale=0.5, int8."
    assert not list(missing_measurements(options(results), LINKS))


def test_designs_that_an_attack_was_not_tried_on_are_named() -> None:
    spared = next(design for design in DESIGNS if design.codec == "int8")
    kept = [leak for leak in run().leaks if (leak.design, leak.attack) != (spared, "pixels-white")]
    told = list(missing_measurements(options(replace(run(), leaks=kept)), LINKS))
    assert told == [f"Leak to pixels-white: missing for {design_text(spared)}."]
