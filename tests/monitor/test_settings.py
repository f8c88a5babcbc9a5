from __future__ import annotations

import subprocess
import sys

import pytest

from keyhole.service.errors import UsageError
from monitor.settings import MonitorSettings


@pytest.mark.parametrize(("field", "value"), [("alarm_ssim", 1.5), ("keep", 0), ("wait_seconds", -1.0), ("waiting", 0)])
def test_settings_out_of_range_name_the_flag(field: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{field.replace('_', '-')} "):
        MonitorSettings(**{field: value})  # type: ignore[arg-type]


def test_help_needs_no_torch() -> None:
    script = "import sys, monitor.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
