"""One thread for each process: small models run faster so, above all side by side; and equal runs end equal."""

import gc
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, sync_playwright

from keyhole import remembered
from keyhole.service import memory
from keyhole.service.address import Address

os.environ["OMP_NUM_THREADS"] = "1"
for number in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(number) is signal.SIG_IGN:  # under nohup or in the background; processes of tests hear them
        signal.signal(number, lambda *_: None)
CLOSING_SECONDS = 60
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is there when tests begin stays: collections of garbage pass over the libraries' million objects."""
    gc.disable()
    found = yield
    gc.enable()
    gc.collect()
    gc.freeze()
    return found


@pytest.fixture(autouse=True, scope="session")
def freed_memory_goes_back() -> Iterator[None]:
    """A training keeps all the memory that it ever had until its process ends: here, after hundreds of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_set", lambda _settings: True)
        yield


@pytest.fixture(autouse=True, scope="session")
def nothing_is_remembered_of_other_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands remember what they list, in a folder of these tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("remembered")
        patch.setattr(remembered, "_folder", lambda: folder)
        yield


@pytest.fixture(autouse=True, scope="module")
def what_was_opened_is_closed() -> Iterator[None]:
    """No file of tests leaves a server behind, nor models in circles of references."""
    before = _listening()
    yield
    gc.collect()
    end = time.monotonic() + CLOSING_SECONDS
    while (left := _listening() - before) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left, f"still listening: {', '.join(sorted(left))}"


def _listening() -> set[str]:
    found = psutil.Process().net_connections()
    return {f"{place.laddr.ip}:{place.laddr.port}" for place in found if place.status == psutil.CONN_LISTEN}


@pytest.fixture
def quiet_address() -> Iterator[Callable[[], Address]]:
    """Addresses where nobody listens until the test does, as often as it likes.

    A socket that does not listen holds each port: nobody is given it by chance, and who names it may listen there.
    """
    with ExitStack() as held:

        def hold() -> Address:
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            return Address("127.0.0.1", holder.getsockname()[1])

        yield hold


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    installed = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        executable = installed or playwright.chromium.executable_path
        if not Path(executable).exists():
            message = f"no Chromium: none of {', '.join(BROWSERS)} is installed, nor Playwright's own"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=executable, args=flags)
        yield running
        running.close()
