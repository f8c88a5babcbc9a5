"""A run's table in the terminal."""

from __future__ import annotations

from dataclasses import replace

from keyhole.bench.records import Design
from keyhole.bench.summary import print_results
from keyhole.terminal import terminal
from tests.bench.making import latency, run

LINKS = ("none", "lan", "wifi", "5g", "lte@8x", "10mbit:20ms@2.5x")


def test_every_link_of_every_design_fits_80_columns_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    design = Design(
        "conv-stem:vit_tiny_patch16_224", "layer4.1.downsample.0", "dropout:share=0.5,rescale=false", "int8+zstd"
    )
    timed = [latency(design, link, 12345.6 + place) for place, link in enumerate(LINKS)]
    print_results(terminal(), replace(run(), latencies=timed))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    for place in range(len(LINKS)):
        assert f"{12345.6 + place:.1f}" in printed
