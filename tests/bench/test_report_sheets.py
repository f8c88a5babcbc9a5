"""Contact sheets of a report: which are shown, and for which designs."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from keyhole.bench.advice.options import options
from keyhole.bench.report.class_sheets import class_sheets
from keyhole.bench.report.command import write_report
from keyhole.bench.report.content import report_content
from keyhole.bench.report.sheets import contact_sheets
from keyhole.bench.report.view import ReaderLimits
from keyhole.bench.results import Results
from keyhole.presentation.contact_sheet import Column, Tile, contact_sheet
from tests.bench.making import DESIGNS, TARGET, run, with_sheets, with_training_sets

LIMITS = ReaderLimits(ssim=0.3, accuracy_loss=2)


def test_contact_sheets_may_be_those_of_some_codecs(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    (section,) = report_content(results, tmp_path, LIMITS, sheet_codecs=["int8"]).sections
    shown = {design for sheet in (*section.sheets, *section.other_sheets) for design in sheet.designs}
    assert shown == {each for each in DESIGNS if each.codec == "int8"}


def test_a_sheet_that_is_gone_or_broken_is_left_out(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    (tmp_path / str(results.leaks[0].sheet)).unlink()
    (tmp_path / str(results.leaks[1].sheet)).write_bytes(b"\x89PNG")
    shown = [sheet.leak for sheet in contact_sheets(options(results), tmp_path, None)]
    kept = [found for found in results.leaks[2:] if found.seed == 0]
    assert sorted(shown, key=kept.index) == kept


def test_designs_that_share_a_sheet_show_it_once(tmp_path: Path) -> None:
    results = with_sheets(run(), tmp_path)
    alike = replace(results, leaks=[replace(found, sheet="sheets/0.png") for found in results.leaks])
    (sheet,) = contact_sheets(options(alike), tmp_path, None)
    assert set(sheet.designs) == set(DESIGNS)


COLOURS = {"private": "#204060", "latent": "#a03030", "guided": "#30a030", "public-best": "#808080"}


def with_class_sheets(folder: Path) -> Results:
    """Attacks on classes, each with a sheet of two rows on disk: a colour for private pictures, one for each attack."""
    results = with_training_sets(run(), guided=(0.1,) * 6, latent=(0.5,) * 6)
    (folder / "sheets").mkdir(exist_ok=True)
    for attack, colour in COLOURS.items():
        columns = [of_colour("private", COLOURS["private"]), of_colour(attack, colour)]
        contact_sheet(columns).save(folder / "sheets" / f"{attack}.png")
    sheets = {attack: f"sheets/{attack}.png" for attack in COLOURS}
    records = [replace(record, sheet=sheets.get(record.attack)) for record in results.training_sets]
    return replace(results, training_sets=records)


def of_colour(heading: str, colour: str) -> Column:
    return Column(heading, [Tile(Image.new("RGB", (64, 64), colour))] * 2)


def test_attacks_on_classes_stand_beside_private_pictures_the_strongest_first(tmp_path: Path) -> None:
    results = with_class_sheets(tmp_path)
    content = report_content(results, tmp_path, LIMITS)
    (sheet,) = content.sections[0].class_sheets
    headings = {
        "private": "private",
        "latent": "latent\n50 %",
        "guided": "guided\n10 %",
        "public-best": "public best\n10 %",
    }
    expected = contact_sheet([of_colour(heading, COLOURS[name]) for name, heading in headings.items()], 96)
    with Image.open(io.BytesIO(sheet.jpeg)) as shown:
        assert shown.size == expected.size == sheet.size
        assert max(ImageStat.Stat(ImageChops.difference(shown.convert("RGB"), expected)).mean) < 3
    page, *_ = write_report(content, tmp_path / "report")
    assert f'<figure id="{sheet.name}"' in page.read_text()


def test_an_attack_on_classes_whose_sheet_is_gone_is_left_out_and_without_any_there_is_none(tmp_path: Path) -> None:
    results = with_class_sheets(tmp_path)

    def widths() -> list[int]:
        mine = [option for option in options(results) if option.design.target == TARGET]
        return [sheet.size[0] for sheet in class_sheets(mine, results.training_sets, tmp_path)]

    (whole,) = widths()
    (tmp_path / "sheets" / "latent.png").write_bytes(b"\x89PNG")
    (fewer,) = widths()
    assert fewer == contact_sheet([of_colour("", "red")] * 3, 96).width < whole
    for attack in COLOURS:
        (tmp_path / "sheets" / f"{attack}.png").unlink()
    assert widths() == []
