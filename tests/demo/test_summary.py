"""The tables that a run ends with."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from keyhole.demo.summary import print_summary
from keyhole.terminal import terminal


def _printed(secrets: dict[str, Any] | None) -> str:
    row = {"n": 3, "psnr_mean": 20.0, "ssim_mean": 0.5, "secrets": secrets}
    stages = {"total": {"p50": 1.0, "p95": 2.0}}
    counts = {"frames_sent": 3, "frames_answered": 3, "frames_scored": 3, "dropped": {}}
    console = Console(width=100)
    with console.capture() as caught:
        print_summary(console, {**counts, "attacks": {"pixels-white": row}, "latency_ms": stages})
    return caught.get()


def test_secrets_are_shown_beside_guessing_with_attributes_counted_together() -> None:
    people = {
        "hat": {"n": 30, "accuracy": 0.9, "majority": 0.5},
        "hair": {"n": 10, "accuracy": 0.5, "majority": 0.3},
    }
    printed = _printed(
        {
            "glyphs": 36,
            "glyph_accuracy": 0.75,
            "attributes": people,
            "identities": 40,
            "identity_rank_1": 0.6,
            "gallery_mean": 20.0,
        }
    )
    assert "75% of 36 (3%)" in printed
    assert "80% of 40 (45%)" in printed
    assert "60% of 40 (5%)" in printed


def test_it_fits_80_columns_whole(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    people = {name: {"n": 1000, "accuracy": 0.999, "majority": 0.5} for name in ("hat", "hair")}
    secrets = {"glyphs": 3600, "glyph_accuracy": 0.75, "attributes": people, "identities": 4000}
    read = {**secrets, "identity_rank_1": 0.6, "gallery_mean": 20.0}
    row = {"n": 12345, "psnr_mean": 20.0, "ssim_mean": 0.5, "secrets": read}
    names = ("diffusion-ladder.amortised", "a-name-without-a-single-blank-that-is-longer-than-all-others")
    counts = {"frames_sent": 3, "frames_answered": 3, "frames_scored": 3, "dropped": {}}
    stages = {"total": {"p50": 1.0, "p95": 2.0}}
    print_summary(terminal(), {**counts, "attacks": dict.fromkeys(names, row), "latency_ms": stages})
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    assert "12345" in printed
    assert printed.count("diffusion-ladder ") == 2
    assert sum(map(printed.count, ("│ amortised ", "diffusion-ladder amortised "))) == 2


def test_a_run_without_answers_or_scores_says_where_to_look(capsys) -> None:
    counts = {"frames_sent": 4, "frames_answered": 0, "frames_scored": 0, "dropped": {"full": 1, "refused": 3}}
    print_summary(terminal(), {**counts, "attacks": {}, "latency_ms": {}})
    printed = " ".join(capsys.readouterr().out.split())
    assert "0 answered, 4 dropped (full 1, refused 3; logs/edge.log says more), 0 attacked" in printed
    assert printed.endswith("Nothing was reconstructed and scored; logs/adversary.log says more")


def test_where_no_picture_shows_a_secret_there_is_no_table_of_them() -> None:
    nothing = {
        "glyphs": 0,
        "glyph_accuracy": None,
        "attributes": {},
        "identities": 0,
        "identity_rank_1": None,
        "gallery_mean": None,
    }
    assert "Secrets" not in _printed(nothing)


def test_without_a_judge_there_is_no_table_of_secrets() -> None:
    assert "Secrets" not in _printed(None)
