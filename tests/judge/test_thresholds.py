"""What a judge read from thumbnails is kept beside its weights and gives the threshold of alarms."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from keyhole.cli import dispatch
from keyhole.judge import JudgeError, MeasuredLegibility, read_legibility
from keyhole.judge.legibility import DRIVER, PLATE, SECRETS, VEHICLE, Legibility, ReadSecret
from keyhole.judge.loading import SHIPPED
from keyhole.judge.settings import LegibilitySettings
from keyhole.judge.thresholds import LEGIBILITY
from keyhole.service.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped judge in a folder of its own."""
    shutil.copytree(SHIPPED, tmp_path / "judge")
    return tmp_path / "judge"


def kept() -> MeasuredLegibility:
    found = read_legibility()
    assert found is not None
    return found


def test_the_shipped_judge_was_measured_on_pictures_of_another_seed_than_attacks() -> None:
    found = kept()
    assert found.pictures >= 400
    assert found.seed != 0
    assert set(found.legibility.secrets) == set(SECRETS)
    assert all(len(one.asked) == found.pictures for one in found.legibility.secrets.values())
    assert found.legibility.secrets[VEHICLE].guessing == pytest.approx(1 / found.vehicles)


def test_the_threshold_is_where_the_shipped_judge_begins_to_read() -> None:
    found = kept().legibility
    sides = [found.legible_from(secret) for secret in SECRETS]
    assert None not in sides
    assert found.threshold == min(side for side in sides if side)
    plate, driver, vehicle = (side or 0 for side in sides)
    assert 0 < vehicle < min(plate, driver)


def test_what_is_kept_is_what_measuring_gives() -> None:
    """Plates and drivers of the first pictures; vehicles are looked up among others where pictures are fewer."""
    found, few = kept(), 20
    again = MeasuredLegibility.measure(SHIPPED, few, found.seed, "").legibility
    assert again.sides == found.legibility.sides
    for secret in (PLATE, DRIVER):
        one, other = again.secrets[secret], found.legibility.secrets[secret]
        assert sum(one.asked) > 0
        assert list(one.asked) == list(other.asked)[:few]
        assert [list(row) for row in one.right] == [list(row)[:few] for row in other.right]


@pytest.mark.slow
def test_all_that_is_kept_is_what_measuring_gives() -> None:
    found = kept()
    again = MeasuredLegibility.measure(SHIPPED, found.pictures, found.seed, found.command)
    assert again.legibility.threshold == found.legibility.threshold
    for secret in SECRETS:
        for row in range(len(found.legibility.sides)):
            shares = (one.legibility.secrets[secret].share(row).value for one in (again, found))
            assert next(shares) == pytest.approx(next(shares), abs=0.005)


def test_the_command_measures_a_judge_and_keeps_what_it_read(folder, capsys) -> None:
    (folder / LEGIBILITY).unlink(missing_ok=True)
    assert read_legibility(folder) is None
    assert dispatch(["legibility", "--judge", str(folder), "--n", "10", "--seed", "2"], {}) == 0
    found = read_legibility(folder)
    assert found is not None
    assert (found.pictures, found.vehicles, found.seed) == (10, 10, 2)
    printed = " ".join(capsys.readouterr().out.split())
    assert "what the judge reads from thumbnails of 10 pictures, 10 vehicles" in printed
    assert "legible from" in printed
    assert f"{found.legibility.secrets[VEHICLE].share(len(found.legibility.sides) - 1).value:.1%}" in printed


def test_what_was_read_with_other_weights_is_refused(folder) -> None:
    stored = json.loads((folder / LEGIBILITY).read_text())
    (folder / LEGIBILITY).write_text(json.dumps({**stored, "judge": "0" * 64}))
    with pytest.raises(JudgeError, match="is of other weights than those"):
        read_legibility(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"legibility": {}}', '{"legibility": {"sides": [1], "secrets": {}}}'])
def test_a_file_that_is_none_is_refused(text, folder) -> None:
    (folder / LEGIBILITY).write_text(text)
    with pytest.raises(
        JudgeError, match=r"does not hold what a judge read from thumbnails.*keyhole legibility --judge"
    ):
        read_legibility(folder)


def test_a_judge_that_reads_nothing_gives_no_threshold(folder) -> None:
    nothing = Legibility((1, 128), {VEHICLE: ReadSecret([[0] * 10, [1, *[0] * 9]], [1] * 10, 0.1)})
    MeasuredLegibility(nothing, 10, 10, 1, "", kept().judge).save(folder)
    found = read_legibility(folder)
    assert found is not None
    assert found.legibility == nothing
    assert found.legibility.threshold is None


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="--n 9: expected 10 or more"):
        LegibilitySettings(n=9)
