"""The attacks at work: truth beside reconstruction, as large as the screen allows."""

from __future__ import annotations

from nicegui import ui

from keyhole.judge.recovery import Recovery
from keyhole.presentation import attacks
from monitor.alarm import Alarm
from monitor.checks import TRUTH
from monitor.live_state import Attempt, Snapshot
from monitor.page.photo import Photo
from monitor.recovered import sentence


class Stage:
    """One `AttackCard` for each attack, in order.

    Args:
        alarm: says what is recognisable.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._cards: dict[str, AttackCard] = {}
        self._row = ui.element("div").classes("kh-stage")
        with self._row:
            ui.label("Pictures appear here when the first attack submits a reconstruction.").classes("kh-empty")

    def update(self, snapshot: Snapshot) -> None:
        """Show the present."""
        if tuple(self._cards) != snapshot.attacks:
            self._row.clear()
            with self._row:
                self._cards = {name: AttackCard(name) for name in snapshot.attacks}
        for name, card in self._cards.items():
            settled = snapshot.settled.get(name)
            card.update(snapshot.current[name], self._alarm.threshold, settled.recovery if settled else None)


class AttackCard:
    """What one attack shows now.

    Args:
        name: the attack.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        with ui.element("section").classes("kh-card kh-attack").props(f"data-testid=attack-{name}") as self._card:
            self._card.style(f"--tone: {attacks.colour(name)}")
            with ui.element("div").classes("kh-card-head"):
                ui.element("i").classes("kh-dot")
                self._title = ui.label().classes("kh-card-title")
                self._detail = ui.label().classes("kh-faint")
                self._state = ui.label().classes("kh-pill")
            with ui.element("div").classes("kh-pair"):
                self._truth, self._frame = self._figure("truth", "seen by the edge")
                self._made, self._effort = self._figure(name, "reconstructed")
            with ui.element("div").classes("kh-scores"):
                self._ssim = self._score("SSIM")
                with ui.element("div").classes("kh-meter"):
                    self._level = ui.element("i")
                    self._mark = ui.element("b")
                self._psnr = self._score("dB PSNR")
            self._secrets = ui.label().classes("kh-faint").props(f"data-testid=secrets-{name}")
            self._secrets.set_visibility(False)

    def update(self, attempt: Attempt, threshold: float, recovery: Recovery | None) -> None:
        """Show the attack's newest reconstruction, and what the judge read from the last one that was finished."""
        over = attempt.ssim >= threshold
        self._card.classes(add="kh-over" if over else "", remove="" if over else "kh-over")
        self._title.set_text(attempt.title)
        self._detail.set_text(f"taps the {attempt.tap}" if attempt.tap else "")
        self._state.set_text("finished" if attempt.final else "working")
        self._state.classes(
            add="kh-done" if attempt.final else "kh-busy", remove="kh-busy" if attempt.final else "kh-done"
        )
        self._truth.show(attempt.frame_id, TRUTH)
        self._made.show(attempt.frame_id, self._name, attempt.version)
        self._frame.set_text(attempt.frame_id)
        self._effort.set_text(f"{attempt.iteration:,} steps, {attempt.seconds:.1f} s")
        self._ssim.set_text(f"{attempt.ssim:.3f}")
        self._psnr.set_text(f"{attempt.psnr:.1f}")
        self._secrets.set_visibility(recovery is not None)
        if recovery is not None:
            self._secrets.set_text(f"Judge, last finished: {sentence(recovery)}")
        self._level.style(f"width: {100 * min(1.0, max(0.0, attempt.ssim)):.1f}%")
        self._mark.style(f"left: {100 * min(1.0, max(0.0, threshold)):.1f}%")

    def _figure(self, name: str, caption: str) -> tuple[Photo, ui.label]:
        with ui.element("figure"):
            photo = Photo(name).props(f"data-testid={'truth' if name == 'truth' else 'made'}-{self._name}")
            with ui.element("figcaption"):
                ui.label(caption)
                detail = ui.label().classes("kh-faint")
        return photo, detail

    def _score(self, unit: str) -> ui.label:
        with ui.element("div").classes("kh-score"):
            value = (
                ui.label("–")
                .classes("kh-value")
                .props(f"data-testid={unit.rsplit(maxsplit=1)[-1].lower()}-{self._name}")
            )
            ui.label(unit).classes("kh-faint")
        return value
