from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from keyhole.judge.recovery import Recovery
from keyhole.v1.referee_pb2 import AttackStatus, Presence, Roster, Score
from monitor.alarm import Alarm
from monitor.alarm_threshold import AlarmThreshold
from monitor.leak_meter import WINDOW, LeakMeter
from monitor.live_state import LiveState
from monitor.page.server import PageServer
from monitor.referee import Referee
from monitor.scoring import ScoredReconstruction
from tests.monitor.making import blind, guess, measured, outcome, scored, truth
from tests.waiting import PATIENCE

expect.set_options(timeout=1000 * PATIENCE)


@dataclass
class Live:
    """A page, what feeds it, and what it said before it was fed."""

    url: str
    referee: Referee
    state: LiveState
    alarm: Alarm
    meter: LeakMeter
    empty: str


@pytest.fixture(scope="module")
def live(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    report = tmp_path_factory.mktemp("report") / "report.html"
    report.write_text("<h1>the report</h1>")
    meter = LeakMeter()
    live, alarm = LiveState(meter=meter), Alarm(AlarmThreshold(4.0, "from a test"))
    live.watch_queues({"store": lambda: 7})
    server = PageServer(live, alarm, lambda: report, "127.0.0.1:0")
    url = f"http://{server.address}"
    with browser.new_page() as unfed:
        unfed.goto(url, timeout=1000 * PATIENCE)
        expect(unfed.get_by_test_id("alarm")).to_have_class(re.compile("kh-calm"))
        empty = unfed.inner_text("main")
    yield Live(url, Referee([meter, live]), live, alarm, meter, empty)
    server.join()


@pytest.fixture
def page(browser: Browser, live: Live) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)
    shown = context.new_page()
    errors: list[str] = []
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    shown.goto(live.url)
    yield shown
    context.close()
    assert errors == []


def _loaded(page: Page, mark: str) -> str:
    """Wait until a picture has pixels; its address."""
    image = page.get_by_test_id(mark)
    page.wait_for_function("image => image.naturalWidth > 1", arg=image.element_handle(), timeout=1000 * PATIENCE)
    return image.get_attribute("src") or ""


def test_it_says_that_it_waits(live: Live) -> None:
    for waiting in ("waiting for the first frame", "No reconstruction yet", "Pictures appear here", "who sees what"):
        assert waiting in live.empty


def test_an_attack_has_its_card_before_its_first_picture_and_says_how_far_it_is(page: Page, live: Live) -> None:
    learning = AttackStatus(attack="decoder-black", knowledge="black box", training=1000)
    live.referee.announce(Roster(attacks=[learning, AttackStatus(attack="pixels-white", knowledge="white box")]))
    expect(page.get_by_test_id("attack-decoder-black")).to_contain_text("Black box · decoder")
    expect(page.get_by_test_id("state-decoder-black")).to_have_text("preparing")
    expect(page.get_by_test_id("state-pixels-white")).to_have_text("preparing")
    learning.ready, learning.steps = True, 340
    live.referee.announce(Roster(attacks=[learning, AttackStatus(attack="pixels-white", ready=True)]))
    expect(page.get_by_test_id("state-decoder-black")).to_have_text("learning, 34%")
    expect(page.get_by_test_id("doing-decoder-black")).to_contain_text("340 of 1,000 training steps")
    expect(page.get_by_test_id("state-pixels-white")).to_have_text("waiting")
    live.referee.announce(Roster())
    expect(page.get_by_test_id("attack-decoder-black")).to_have_count(0)


def test_pictures_appear_and_numbers_move(page: Page, live: Live) -> None:
    live.referee.witness(truth("edge-0-1", captured_at=time.time() - 95))
    live.referee.conclude(outcome("edge-0-1", edge_compute=0.02, network=0.05, total=0.1))
    first = live.referee.submit(guess("edge-0-1", noise=0.6, iteration=10))
    black = live.referee.submit(guess("edge-0-1", "pixels-black", noise=0.5))
    expect(page.get_by_test_id("ssim-pixels-white")).to_have_text(f"{first.ssim:.3f}")
    expect(page.get_by_test_id("psnr-pixels-black")).to_have_text(f"{black.psnr:.1f}")
    before = _loaded(page, "made-pixels-white")
    assert "edge-0-1/truth" in _loaded(page, "truth")
    expect(page.get_by_test_id("truth-age")).to_have_text("seen 1 min ago")
    expect(page.get_by_test_id("age-pixels-white")).to_have_text(re.compile(r"made (now|\d+ s ago)"))

    second = live.referee.submit(guess("edge-0-1", noise=0.5, iteration=20))
    expect(page.get_by_test_id("ssim-pixels-white")).to_have_text(f"{second.ssim:.3f}")
    expect(page.get_by_test_id("attack-pixels-white")).to_contain_text("20 steps")
    live.referee.submit(guess("edge-0-1", noise=0.5, iteration=25, text="a blue bus"))
    expect(page.get_by_test_id("attack-pixels-white")).to_contain_text("told “a blue bus”")
    expect(page.get_by_test_id("made-pixels-white")).not_to_have_attribute("src", before)
    _loaded(page, "made-pixels-white")


def test_all_attacks_show_the_same_frame_and_what_is_under_way_is_small(page: Page, live: Live) -> None:
    names = ["pixels-white", "pixels-black"]
    for frame in ("edge-0-20", "edge-0-21"):
        live.referee.witness(truth(frame))
    for name in names:
        live.referee.submit(guess("edge-0-20", name, final=True))
    live.referee.submit(guess("edge-0-21", "pixels-black", final=True))
    live.referee.submit(guess("edge-0-21", "pixels-white", iteration=7))
    expect(page.get_by_test_id("truth-frame")).to_have_text("edge-0-20")
    assert "edge-0-20/truth" in _loaded(page, "truth")
    for name in names:
        assert f"edge-0-20/{name}" in _loaded(page, f"made-{name}")
        assert f"edge-0-21/{name}" in _loaded(page, f"now-{name}")
    expect(page.get_by_test_id("state-pixels-white")).to_have_text("working")
    expect(page.get_by_test_id("doing-pixels-white")).to_contain_text("now edge-0-21")
    live.referee.submit(guess("edge-0-21", "pixels-white", final=True))
    expect(page.get_by_test_id("truth-frame")).to_have_text("edge-0-21")
    for name in names:
        assert f"edge-0-21/{name}" in _loaded(page, f"made-{name}")
        expect(page.get_by_test_id(f"now-{name}")).to_be_hidden()


def test_what_runs_where_stands_above_the_counters(page: Page, live: Live) -> None:
    live.referee.witness(truth("edge-0-2"))
    expect(page.get_by_test_id("diagram")).to_contain_text("never through the cloud")
    tops = [page.get_by_test_id(mark).bounding_box() for mark in ("diagram", "tile-seen", "alarm", "truth")]
    heights = [box["y"] for box in tops if box]
    assert len(heights) == 4
    assert heights == sorted(heights)


def test_who_has_died_is_named_with_its_last_words_until_it_is_back(page: Page, live: Live) -> None:
    live.referee.witness(truth("edge-0-30"))  # one that is new: a repeated truth is no sign of life
    expect(page.get_by_test_id("pulse")).to_contain_text("live")
    live.state.attended(
        Presence(party="adversary", last_words=["adversary was killed by SIGKILL:", "<i>attacking</i>"])
    )
    expect(page.get_by_test_id("pulse")).to_contain_text("no adversary, ")
    expect(page.get_by_test_id("pulse")).not_to_contain_text("live")
    expect(page.get_by_test_id("absences")).to_contain_text("adversary was killed by SIGKILL")
    expect(page.get_by_test_id("absences")).to_contain_text("<i>attacking</i>")
    live.state.attended(Presence(party="adversary", running=True))
    live.referee.witness(truth("edge-0-31"))
    expect(page.get_by_test_id("absences")).not_to_be_visible()
    expect(page.get_by_test_id("pulse")).to_contain_text("live")


def test_three_generators_stand_side_by_side(page: Page, live: Live) -> None:
    live.referee.witness(truth("edge-0-5"))
    names = ["pixels-white", "decoder-white", "diffusion-white-guided"]
    made = [guess("edge-0-5", name, 0.8 + 0.1 * at, knowledge="white box", final=True) for at, name in enumerate(names)]
    scores = {one.attack: live.referee.submit(one) for one in made}
    titles = ["White box · pixels", "White box · decoder", "White box · diffusion, guided"]
    for name, title in zip(names, titles, strict=True):
        expect(page.get_by_test_id(f"attack-{name}")).to_contain_text(title)
        expect(page.get_by_test_id(f"ssim-{name}")).to_have_text(f"{scores[name].ssim:.3f}")
        assert f"edge-0-5/{name}" in _loaded(page, f"made-{name}")
    colours = {
        page.get_by_test_id(f"attack-{name}").evaluate("card => getComputedStyle(card).getPropertyValue('--tone')")
        for name in names
    }
    assert len(colours) == 3
    order = page.locator("[data-testid^='attack-']").evaluate_all("cards => cards.map(card => card.dataset.testid)")
    assert [name for name in order if name.removeprefix("attack-") in names] == [f"attack-{name}" for name in names]
    recent = page.get_by_test_id("recent").locator("img[alt='diffusion-white-guided']").first
    expect(recent).to_be_visible()


def test_a_clip_is_shown_as_it_is_rebuilt_each_frame_below_its_truth(page: Page, live: Live) -> None:
    ids = [f"edge-7-{number}" for number in range(3)]
    name = "pixels-white-clip"
    for scene, frame in enumerate(ids):
        live.referee.witness(truth(frame, scene=scene))

    def rebuilt(noise: float, **fields: Any) -> list[Score]:
        made = [guess(frame, name, noise, scene=scene, clip=ids, **fields) for scene, frame in enumerate(ids)]
        return [scored(live.referee, each) for each in made]

    first = rebuilt(0.9, iteration=40)
    expect(page.get_by_test_id("clip-span")).to_have_text("edge-7-0 to edge-7-2")
    expect(page.get_by_test_id(f"clip-state-{name}")).to_contain_text("working, 40 steps")
    before = []
    for place, frame in enumerate(ids):
        assert f"{frame}/truth" in _loaded(page, f"clip-truth-{place}")
        before.append(_loaded(page, f"clip-{name}-{place}"))
        assert f"{frame}/{name}" in before[-1]
        expect(page.get_by_test_id(f"clip-caption-{name}-{place}")).to_have_text(f"SSIM {first[place].ssim:.3f}")
    second = rebuilt(0.1, iteration=80, final=True)
    expect(page.get_by_test_id(f"clip-state-{name}")).to_contain_text("finished, 80 steps")
    for place in range(3):
        expect(page.get_by_test_id(f"clip-{name}-{place}")).not_to_have_attribute("src", before[place])
        expect(page.get_by_test_id(f"clip-caption-{name}-{place}")).to_have_text(f"SSIM {second[place].ssim:.3f}")
        truth_box, made_box = (page.get_by_test_id(f"clip-{row}-{place}").bounding_box() for row in ("truth", name))
        assert truth_box
        assert made_box
        assert truth_box["x"] == made_box["x"]
        assert truth_box["y"] < made_box["y"]


def test_both_rungs_of_a_ladder_are_shown(page: Page, live: Live) -> None:
    live.referee.witness(truth("edge-0-6"))
    for name in ("pixels-white", "pixels-black"):
        live.referee.submit(guess("edge-0-6", name, 0.9, final=True))
    rungs = {"amortised": ("black box", 1.0), "refined": ("white box", 0.8)}
    for rung, (knowledge, noise) in rungs.items():
        made = guess("edge-0-6", "decoder-ladder", noise=noise, rung=rung, knowledge=knowledge, final=True)
        score = live.referee.submit(made)
        expect(page.get_by_test_id(f"ssim-decoder-ladder.{rung}")).to_have_text(f"{score.ssim:.3f}")
        assert f"decoder-ladder.{rung}" in _loaded(page, f"made-decoder-ladder.{rung}")
    for rung, (knowledge, _) in rungs.items():
        title = f"{knowledge.capitalize()} · decoder ladder, {rung}"
        expect(page.get_by_test_id(f"attack-decoder-ladder.{rung}")).to_contain_text(title)


def test_what_the_judge_read_is_shown_where_it_was_asked(page: Page, live: Live) -> None:
    seen, made = truth("edge-0-1"), guess("edge-0-1", "judged-white", final=True)
    score = Score(frame_id="edge-0-1", attack="judged-white", values={"psnr": 20, "ssim": 0.1})
    live.state.judged(ScoredReconstruction(seen, made, score, 2000.0))
    expect(page.get_by_test_id("state-judged-white")).to_have_text("finished")
    expect(page.get_by_test_id("secrets-judged-white")).to_be_hidden()
    live.state.judged(ScoredReconstruction(seen, made, score, 2001.0, Recovery(("AB12CD", "AB12XX"), {}, True, 30)))
    expect(page.get_by_test_id("secrets-judged-white")).to_contain_text("plate 4 of 6 glyphs · vehicle recognised")


def test_charts_latency_diagram_and_losses_are_drawn(page: Page, live: Live) -> None:
    live.referee.witness(truth("edge-0-8"))
    live.referee.submit(guess("edge-0-8"))
    live.referee.conclude(outcome("edge-0-8", network=0.05, total=0.1))
    live.referee.conclude(outcome("edge-0-9", dropped="deadline"))
    for chart in ("chart-thumbnail", "chart-ssim", "chart-psnr", "chart-latency"):
        expect(page.get_by_test_id(chart).locator("canvas").first).to_be_visible()
    expect(page.get_by_test_id("latency-table")).to_contain_text("network")
    expect(page.get_by_test_id("latency-table")).to_contain_text("50.0")
    expect(page.get_by_test_id("diagram")).to_contain_text("never through the cloud")
    expect(page.get_by_test_id("diagram")).to_contain_text("head of tiny, up to layer2")
    expect(page.get_by_test_id("losses")).to_contain_text("because of deadline")
    expect(page.get_by_test_id("losses")).to_contain_text("writes that wait for the disk")


def test_leaks_are_told_as_thumbnails_and_raise_the_alarm_until_they_sink(page: Page, live: Live) -> None:
    alarm = page.get_by_test_id("alarm")

    def attacked(number: int, noise: float) -> None:
        frame = f"edge-1-{number}"
        live.referee.witness(truth(frame, scene=number))
        live.referee.submit(blind(frame))
        live.referee.submit(guess(frame, "measured-white", noise, scene=number, final=True))
        measured(live.meter)

    attacked(0, 0.02)
    expect(alarm).to_have_class(re.compile("kh-raised"))
    leak, told = live.meter.leaks["measured-white"], page.get_by_test_id("leak-measured-white")
    expect(alarm).to_contain_text(f"White box · measured {leak.thumbnail.text}")
    expect(told).to_have_text(f"{leak.thumbnail.text} over its one finished frame")
    expect(page.get_by_test_id("attack-measured-white")).to_have_class(re.compile("kh-over"))
    expect(page.get_by_test_id("floor")).to_contain_text("who sees no frame, always shows this (flat)")
    assert "~blind/flat" in _loaded(page, "made-blind")
    for number in range(1, WINDOW + 2):
        attacked(number, 3.0)
    expect(alarm).to_have_class(re.compile("kh-calm"))
    expect(told).to_contain_text(f"over its last {WINDOW} finished")


def test_the_card_tells_the_thumbnail_that_the_shown_picture_equals(page: Page, live: Live) -> None:
    frame = "edge-2-1"
    live.referee.witness(truth(frame))
    live.referee.submit(blind(frame))
    names = (
        "measured-white",
        "pixels-white",
        "pixels-black",
        "decoder-white",
        "decoder-ladder",
        "diffusion-white-guided",
    )
    for name in names:
        live.referee.submit(guess(frame, name, 0.05, final=True))
    measured(live.meter)
    expect(page.get_by_test_id("truth-frame")).to_have_text(frame)
    equal = live.state.snapshot().thumbnails[frame, "measured-white"]
    expect(page.get_by_test_id("thumbnail-measured-white")).to_have_text(equal.brief)
    expect(page.get_by_test_id("chart-thumbnail").locator("canvas").first).to_be_visible()


def test_the_threshold_can_be_set_on_the_page_which_says_where_it_is_from(page: Page, live: Live) -> None:
    origin = page.get_by_test_id("threshold-origin")
    expect(origin).to_have_text("Alarm from (from a test)")
    page.get_by_label("threshold").fill("0.5")
    expect(origin).to_have_text("Alarm from (set on this page)")
    assert live.alarm.threshold == AlarmThreshold(0.5, "set on this page", chosen=True)
    page.get_by_label("threshold").fill("4")
    expect(page.get_by_label("threshold")).to_have_value("4")


@pytest.mark.parametrize(("scheme", "other"), [("dark", "light"), ("light", "dark")])
def test_it_has_the_readers_colours_from_the_first_and_can_be_turned(
    browser: Browser, live: Live, scheme: Literal["dark", "light"], other: str
) -> None:
    paper = {"dark": "rgb(12, 15, 20)", "light": "rgb(245, 246, 248)"}
    context = browser.new_context(color_scheme=scheme, java_script_enabled=False)
    still = context.new_page()
    still.goto(live.url)
    assert still.evaluate("getComputedStyle(document.body).backgroundColor") == paper[scheme]
    context.close()
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(live.url)
    for _ in range(2):
        expect(page.locator("body")).to_have_css("background-color", paper[scheme])
        page.get_by_text("Light / dark").click()
        expect(page.locator("body")).to_have_css("background-color", paper[other])
        page.get_by_text("Light / dark").click()
    context.close()


def test_nothing_is_loaded_from_elsewhere_and_a_phone_shows_it_without_scrolling_sideways(
    browser: Browser, live: Live
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page, asked = context.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(live.url)
    expect(page.get_by_test_id("attack-pixels-white")).to_be_visible()
    _loaded(page, "made-pixels-white")
    assert [url for url in asked if not url.startswith((live.url, "data:", "blob:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_text_from_the_wire_cannot_become_markup(page: Page, live: Live) -> None:
    live.referee.witness(truth("edge-0-3", label="<img src=x onerror=alert(1)>"))
    live.referee.submit(guess("edge-0-3", knowledge="<b id=evil>x</b>", tap="<b id=evil>y</b>", final=True))
    expect(page.get_by_test_id("attack-pixels-white")).to_contain_text("<b id=evil>")
    assert page.locator("#evil").count() == 0


def test_the_report_is_one_click_away(page: Page) -> None:
    with page.context.expect_page() as opened:
        page.get_by_text("Report", exact=True).click()
    expect(opened.value.get_by_text("the report")).to_be_visible()


def test_pictures_that_are_not_shown_are_not_served(page: Page, live: Live) -> None:
    for path in ("/pictures/edge-9-9/truth", "/pictures/..%2f..%2fetc/passwd", "/pictures/edge-0-2/nothing"):
        assert page.request.get(live.url + path).status == 404
