from __future__ import annotations

import subprocess
import sys
from math import nan

import pytest

from keyhole.cli import parsed
from keyhole.service.errors import UsageError
from keyhole.service.secret import Secret
from monitor.settings import MonitorSettings, check_page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("alarm_ssim", 1.5), ("alarm_thumbnail", 0.0), ("alarm_thumbnail", nan)),
        *(("keep", 0), ("wait_seconds", -1.0), ("wait_seconds", nan), ("waiting", 0)),
    ],
)
def test_settings_out_of_range_name_the_flag(field: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{field.replace('_', '-')} "):
        MonitorSettings(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("page", ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:80", "monitor.front:8080"])
def test_a_page_for_the_network_needs_a_token(page: str) -> None:
    with pytest.raises(UsageError, match="would show the truth to the network: give the page a token"):
        check_page(MonitorSettings(page=page))
    with pytest.raises(UsageError, match="8 characters or more, got 3"):
        check_page(MonitorSettings(page=page, page_token=Secret("abc")))
    check_page(parsed("monitor", [f"--page={page}"], {"KEYHOLE_MONITOR_PAGE_TOKEN": "long enough"}))
    check_page(MonitorSettings(page=page, page_open=True))


@pytest.mark.parametrize("page", ["127.0.0.1:8080", "127.9.9.9:0", "[::1]:8080", "localhost:8080", None])
def test_a_page_for_this_machine_needs_none(page: str | None) -> None:
    check_page(MonitorSettings(page=page))


def test_attacks_are_named_as_the_adversary_names_them() -> None:
    settings = parsed("monitor", ["--attacks", "pixels-white", "diffusion-white/guided"], {})
    assert settings.names == ("pixels-white", "diffusion-white-guided")


def test_help_needs_no_torch() -> None:
    script = "import sys, monitor.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
