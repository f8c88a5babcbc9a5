"""Who gets the page, its pictures and its stream, over real sockets; no browser needed."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyhole.service.address import Address
from tests.monitor.making import FRAME
from tests.system.processes import ROOT

TOKEN = "let me in, please"
PICTURE = f"/pictures/{FRAME}/truth"
BEHIND = ("/", "/report", PICTURE, "/_nicegui_ws/socket.io/?EIO=4&transport=polling")
SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "a2V5aG9sZSBrZXlob2xlIQ==",
}


SERVER = """
import sys
from pathlib import Path
from monitor.alarm import Alarm
from monitor.alarm_threshold import AlarmThreshold
from monitor.live_state import LiveState
from monitor.page.server import PageServer
from monitor.referee import Referee
from tests.monitor.making import guess, truth

live = LiveState()
referee = Referee([live])
referee.witness(truth())
referee.submit(guess())
report, token = sys.argv[1:]
alarm = Alarm(AlarmThreshold(8.0, "a test"))
server = PageServer(live, alarm, lambda: Path(report), "127.0.0.1:0", token, ["keyhole.example"])
print(server.address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Served:
    """A page in a process of its own, since one process has one."""

    address: Address


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    report = tmp_path_factory.mktemp("report") / "report.html"
    report.write_text("the report")
    command = [sys.executable, "-c", SERVER, str(report), TOKEN]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield Served(Address.parse(server.stdout.readline().strip()))
        server.kill()


def ask(page: Served, path: str, host: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    connection = http.client.HTTPConnection(page.address.host, page.address.port, timeout=30)
    named = {"Host": host or str(page.address), **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request("GET", path, headers=named)
    answer = connection.getresponse()
    body = b"" if answer.status == 101 else answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def enter(page: Served) -> str:
    """The cookie that the token is exchanged for."""
    status, headers, _ = ask(page, f"/?token={quote(TOKEN)}")
    assert (status, headers["location"]) == (303, "/")
    assert re.search("HttpOnly", headers["set-cookie"])
    assert re.search("SameSite=strict", headers["set-cookie"], re.IGNORECASE)
    assert TOKEN not in headers["set-cookie"]
    return headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("path", BEHIND)
def test_without_the_token_there_is_a_form_and_nothing_else(page: Served, path: str) -> None:
    for headers in ({}, {"Cookie": "keyhole-page=x"}, {"Cookie": f"keyhole-page-{page.address.port}={TOKEN}"}):
        status, _, body = ask(page, path, **headers)
        assert status == 401
        assert b"<form" in body
        assert b"PNG" not in body
    assert ask(page, f"/?token={quote(TOKEN[:-1])}")[0] == 401


@pytest.mark.parametrize("path", BEHIND)
def test_the_token_opens_all_of_it(page: Served, path: str) -> None:
    assert ask(page, path, Cookie=enter(page))[0] == 200


@pytest.mark.parametrize("path", BEHIND)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil", "[", "localhost:port"]
)
def test_a_name_of_somebody_else_is_not_answered(page: Served, path: str, host: str) -> None:
    status, _, body = ask(page, path, host, Cookie=enter(page))
    assert status == 421
    assert b"PNG" not in body


def test_a_refusal_quotes_the_first_eighty_characters_of_the_name_and_says_what_to_do(page: Served) -> None:
    for length in (80, 81):
        status, _, body = ask(page, "/", "x" * length)
        assert status == 421
        assert f"not called '{'x' * 80}'; --page-names" in body.decode()


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "192.0.2.7", "keyhole.example"])
def test_its_own_names_are_answered(page: Served, name: str) -> None:
    cookie = enter(page)
    assert ask(page, PICTURE, f"{name}:{page.address.port}", Cookie=cookie)[0] == 200


def test_the_stream_behind_the_page_is_for_the_page_alone(page: Served) -> None:
    cookie, path = enter(page), "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    own = f"http://{page.address}"
    assert ask(page, path, Origin=own, Cookie=cookie, **SOCKET)[0] == 101
    assert ask(page, path, Origin=own, **SOCKET)[0] == 403
    for origin in ("http://evil.example", "null", f"http://{page.address}.evil.example"):
        assert ask(page, path, Origin=origin, Cookie=cookie, **SOCKET)[0] == 403
        assert ask(page, PICTURE, Origin=origin, Cookie=cookie)[0] == 403


@given(host=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_no_host_breaks_it(page: Served, host: str) -> None:
    assert ask(page, "/", host)[0] in (400, 401, 421)
