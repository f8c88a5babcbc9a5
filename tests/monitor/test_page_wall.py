"""The wall of classes in a real browser, before a real monitor that is told over real sockets and dies meanwhile."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from keyhole.v1.referee_pb2_grpc import RefereeStub
from keyhole.wire.channels import connect
from tests.evaluation.tiny_inversion import MINE, write_pictures
from tests.monitor.making import truth
from tests.monitor.recalled import liked, made, roster, shows
from tests.system.processes import Process, process
from tests.waiting import PATIENCE, wait_until


@contextmanager
def monitor(folder: Path, **flags: Any) -> Iterator[tuple[Process, dict[str, Any], Any, Any]]:
    """A monitor, its addresses, and the stubs of edge and adversary."""
    free = dict.fromkeys(("truth", "submit", "page", "metrics"), "127.0.0.1:0")
    with process("monitor", run=folder, **free, **flags) as running:
        at = running.logged("ready", PATIENCE)
        with connect(at["truth"]) as left, connect(at["submit"]) as right:
            yield running, at, RefereeStub(left), RefereeStub(right)


@contextmanager
def looking(browser: Browser, url: str) -> Iterator[Page]:
    """A browser on the page, which must not complain."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://{url}")
    yield page
    context.close()
    assert errors == []


def seen(page: Page, mark: str) -> str:
    """Wait until a picture has pixels; its address."""
    image = page.get_by_test_id(mark)
    page.wait_for_function("image => image.naturalWidth > 1", arg=image.element_handle(), timeout=1000 * PATIENCE)
    return image.get_attribute("src") or ""


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Private pictures of the classes."""
    return write_pictures(tmp_path_factory.mktemp("world"))[0]


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        return answer.read().decode()


def test_the_wall_fills_and_outlives_the_monitor(browser: Browser, tmp_path: Path, private: Path) -> None:
    flags = {
        "recall_evaluator": f"{MINE}:evaluator",
        "recall_private": private,
        "recall_judge": f"{MINE}:Where",
    }
    expect.set_options(timeout=1000 * PATIENCE)
    with monitor(tmp_path, **flags) as (running, at, edge, adversary), looking(browser, at["page"]) as page:
        edge.Witness(truth("edge-0-1"))
        expect(page.get_by_test_id("diagram")).to_contain_text("never through the cloud")
        expect(page.get_by_test_id("wall")).to_be_hidden()
        expect(page.get_by_test_id("diagram")).not_to_contain_text("breached")

        adversary.Announce(roster(0, 1, 3, state="preparing", doing="reads public pictures"))
        expect(page.get_by_test_id("wall-state")).to_have_text("preparing, 0 of 3")
        expect(page.get_by_test_id("wall-lines")).to_contain_text("latent (white box) on tiny · reads public pictures")
        expect(page.get_by_test_id("class-verdict-3")).to_have_text("no picture yet")
        expect(page.get_by_test_id("diagram")).to_contain_text("the service, breached")
        expect(page.get_by_test_id("diagram")).to_contain_text("the whole classifier, taken from the cloud")

        adversary.Announce(roster(0, 1, 3))
        adversary.Recall(made(0, shows(5), iteration=7, final=False))
        expect(page.get_by_test_id("class-verdict-0")).to_have_text("step 7 of 60")
        early = seen(page, "class-made-0")
        adversary.Recall(made(0))
        adversary.Recall(made(1, shows(2)))
        for label in (0, 1):
            adversary.Recall(liked(label, shows(4)))
        expect(page.get_by_test_id("class-verdict-0")).to_have_text(
            re.compile("evaluator: recognised.*Where: recognised")
        )
        expect(page.get_by_test_id("class-verdict-1")).to_contain_text("evaluator: takes it for person c, place")
        expect(page.get_by_test_id("class-0")).to_have_class(re.compile("kh-known"))
        expect(page.get_by_test_id("class-1")).to_have_class(re.compile("kh-mistaken"))
        expect(page.get_by_test_id("wall-lines")).to_contain_text(
            "Judge evaluator recognises 1 of 2 classes; guessing gets one in 6; in the public pictures that the "
            "classifier likes best, 0 of 2"
        )
        expect(page.get_by_test_id("wall-state")).to_have_text("working, 2 of 3")
        expect(page.get_by_test_id("class-made-0")).not_to_have_attribute("src", early)
        for mark in ("class-made-0", "class-private-0", "class-floor-1"):
            seen(page, mark)
        known = 'keyhole_recalled_classes{attack="latent",judge="evaluator",state="recognised"} 1.0'
        wait_until(lambda: known in read(f"http://{at['metrics']}/metrics"))
        running.kill()

    with monitor(tmp_path) as (running, at, _, adversary), looking(browser, at["page"]) as page:
        expect(page.get_by_test_id("wall-state")).to_have_text("2 of 2; the adversary is not there")
        expect(page.get_by_test_id("class-verdict-0")).to_contain_text("recognised")
        seen(page, "class-made-1")
        adversary.Announce(roster(0, 1, 3))
        adversary.Recall(made(3))
        expect(page.get_by_test_id("class-verdict-3")).to_have_text("finished; no judge")
        expect(page.get_by_test_id("wall-lines")).to_contain_text("No judge is at hand: --recall-evaluator")
        running.terminate()
