"""The page of a report in a real browser: plots answer, tables sort and filter, rows lead to pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from keyhole.bench.report.command import write_report
from keyhole.bench.report.content import report_content
from keyhole.bench.report.view import ReaderLimits
from tests.bench.making import run, with_sheets
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("run")
    content = report_content(with_sheets(run(), folder), folder, ReaderLimits(ssim=0.3, accuracy_loss=2))
    page, *_ = write_report(content, folder / "report")
    return page.as_uri()


@pytest.fixture(params=[1280, 390])
def page(browser: Browser, report: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page; it may ask for nothing and must not fail."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)
    shown, wrong = context.new_page(), []
    shown.on("pageerror", lambda error: wrong.append(str(error)))
    shown.on("request", lambda asked: wrong.append(asked.url) if asked.url.startswith("http") else None)
    shown.goto(report)
    expect(shown.locator("#toy-leak .js-plotly-plot")).to_have_count(2, timeout=1000 * PATIENCE)
    yield shown
    context.close()
    assert not wrong


def column(page: Page, table: str, heading: str) -> list[str]:
    """Texts of a column's visible cells."""
    return page.evaluate(
        """([table, heading]) => {
          const found = document.getElementById(table);
          const at = [...found.tHead.rows[0].cells].findIndex((cell) => cell.innerText.trim() === heading);
          return [...found.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[at].innerText.trim());
        }""",
        [table, heading],
    )


def test_nothing_is_wider_than_the_window_and_panels_keep_to_their_boxes(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    boxes = page.evaluate(
        """[...document.querySelectorAll('#toy-leak .panel')].map((panel) => {
          const [outer, inner] = [panel, panel.querySelector('.main-svg')].map((each) => each.getBoundingClientRect());
          return [inner.left - outer.left, outer.right - inner.right, outer.bottom - inner.bottom];
        })"""
    )
    assert all(room >= -1 for box in boxes for room in box)


def test_a_heading_sorts_by_value_and_what_was_not_measured_comes_last(page: Page) -> None:
    page.locator("summary", has_text=re.compile("^Every design")).click()
    table = page.locator("#designs-toy")
    heading = table.locator("th", has_text="p50 lte, ms")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    *values, blind = column(page, "designs-toy", "p50 lte, ms")
    assert [*map(float, values)] == sorted(map(float, values))
    heading.locator("button").click()
    assert column(page, "designs-toy", "p50 lte, ms") == [*values[::-1], blind]
    assert blind == "–"
    table.locator("th", has_text="dFIL").locator("button").click()
    bounds = [text.split()[0] for text in column(page, "designs-toy", "dFIL")]
    measured = [float(text) for text in bounds if text != "–"]
    assert measured == sorted(measured)
    assert bounds == [*bounds[: len(measured)], *["–"] * (len(bounds) - len(measured))]


def test_words_filter_the_rows(page: Page) -> None:
    page.locator("summary", has_text=re.compile("^Every design")).click()
    field = page.locator("input[aria-controls=designs-toy]")
    field.fill("layer2 GAUSSIAN:scale=1")
    assert set(column(page, "designs-toy", "cut")) == {"layer2.0"}
    assert set(column(page, "designs-toy", "defence")) == {"gaussian:scale=1"}
    expect(field.locator("+ span")).to_have_text("2 of 21")
    field.fill("")
    expect(field.locator("+ span")).to_have_text("21 of 21")


def test_a_row_leads_to_its_pictures_however_deep_they_are_folded(page: Page) -> None:
    page.locator("summary", has_text=re.compile("^Every design")).click()
    row = page.locator("#designs-toy tr", has_text="layer2.0").filter(has_text="gaussian:scale=0.5").first
    link = row.locator("a")
    name = (link.get_attribute("href") or "").removeprefix("#")
    figure = page.locator(f"figure[id='{name}']")
    expect(figure).to_be_hidden()
    link.click()
    expect(figure).to_be_visible()
    expect(figure).to_be_in_viewport()
    expect(figure.locator("figcaption")).to_contain_text("layer2.0 · gaussian:scale=0.5")


def test_whoever_points_at_a_mark_reads_the_figures_of_its_design(page: Page) -> None:
    plot = page.locator("#toy-leak .js-plotly-plot").nth(1)
    plot.scroll_into_view_if_needed()
    plot.locator(".scatterlayer .point").first.hover(force=True)
    text = plot.locator(".hoverlayer")
    expect(text).to_contain_text("p50 lte, ms")
    expect(text).to_contain_text("SSIM")
    expect(text).to_contain_text("edge memory, MiB")


def test_an_entry_of_the_key_takes_its_marks_out_of_all_panels(page: Page) -> None:
    marks = page.locator("#toy-leak .scatterlayer .point")
    before = marks.count()
    key = page.locator("#toy-leak .keys button", has_text="gaussian:scale=1").last
    key.click()
    expect(key).to_have_attribute("aria-pressed", "false")
    expect(marks).to_have_count(before - 2 * 6)
    key.click()
    expect(marks).to_have_count(before)


def test_plots_in_a_fold_are_drawn_once_it_is_opened(page: Page) -> None:
    folded = page.locator("#toy-secrets .js-plotly-plot")
    expect(folded).to_have_count(0)
    page.locator("summary", has_text="More plots").click()
    expect(folded).to_have_count(4)
    width = folded.first.evaluate("area => area.querySelector('.main-svg').getBoundingClientRect().width")
    assert 250 < width < 700


def test_plots_take_the_colour_of_the_text_on_dark_paper(page: Page) -> None:
    def letters() -> tuple[str, str]:
        found: list[str] = page.evaluate(
            """[document.querySelector('#toy-leak .xtitle'), document.body].map((each, at) =>
              getComputedStyle(each)[at ? "color" : "fill"])"""
        )
        return found[0], found[1]

    light = letters()
    assert light[0] == light[1]
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('#toy-leak .xtitle')).fill !== before", arg=light[0]
    )
    dark = letters()
    assert dark[0] == dark[1] != light[1]
