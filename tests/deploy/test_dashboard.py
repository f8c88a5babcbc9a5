"""What Grafana asks Prometheus for is what the processes export."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyhole.service.metrics import Metrics
from monitor.exported_metrics import MonitorMetrics

ROOT = Path(__file__).parents[2]
PROCESSES = ("edge", "cloud", "adversary", "monitor", "keyhole")
(DASHBOARD,) = ROOT.glob("deploy/grafana/dashboards/*.json")
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
PANELS: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]


@pytest.fixture(scope="module")
def exported() -> set[str]:
    sources = (path.read_text() for folder in PROCESSES for path in (ROOT / folder).rglob("*.py"))
    scores = MonitorMetrics(Metrics("monitor")).registry.collect()  # named after the metrics that the monitor scores by
    return {name for source in sources for name in re.findall(r'"(keyhole_[a-z_]+)"', source)} | {
        family.name for family in scores
    }


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_metrics_that_there_are(panel: dict[str, Any], exported: set[str]) -> None:
    asked = {name for target in panel["targets"] for name in re.findall(r"keyhole_[a-z_]+", target["expr"])}
    assert asked
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} <= exported


def test_an_alert_asks_for_metrics_that_there_are(exported: set[str]) -> None:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"keyhole_[a-z_]+", rule["expr"])}
    assert {"keyhole_thumbnail_pixels", "keyhole_alarm_threshold"} <= asked <= exported


def test_no_two_panels_overlap() -> None:
    cells = [
        (x, y)
        for panel in PANELS
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
