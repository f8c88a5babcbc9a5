"""Measures that are taken in turn."""

from __future__ import annotations

from benchmarks.loopback import in_turns


def test_measures_alternate_and_the_warm_up_is_left_out() -> None:
    taken: list[str] = []

    def measure(name: str) -> float:
        taken.append(name)
        return float(len(taken))

    first, second = in_turns([lambda: measure("a"), lambda: measure("b")], turns=2, warm_up=1)
    assert "".join(taken) == "ba" + "ab" + "ba"
    assert (first, second) == ([3.0, 6.0], [4.0, 5.0])
