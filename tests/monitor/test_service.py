from __future__ import annotations

from pathlib import Path

import grpc
import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL.PngImagePlugin import PngImageFile
from torch import Tensor

from keyhole.v1.referee_pb2 import Account, AttackStatus, Presence, Roster, WatchRequest
from keyhole.wire.errors import explain, violations
from keyhole.wire.pictures import pack_picture
from keyhole.wire.secrets import pack_secrets
from keyhole.wire.tls import make_certificates
from monitor.snapshot import AttackProgress
from monitor.store import RunStore
from tests.judge.making import labels
from tests.monitor.making import guess, outcome, pixels, truth
from tests.monitor.ports import Ports


def probes(side: int = 16) -> list[Tensor]:
    """A grey picture, and the same once with each of its red pixels turned up."""
    grey = torch.full((3, side, side), 127 / 255)
    changed = grey.repeat(side * side, 1, 1, 1)
    changed[:, 0].view(side * side, -1).fill_diagonal_(1.0)
    return [grey, *changed]


def solved(psnr: list[float], side: int = 16) -> Tensor:
    """The truth's red pixels, from the exact PSNR of each of `probes`."""
    grey, *changed = (10 ** (-value / 10) * 3 * side * side for value in psnr)
    step = 1 - 127 / 255
    return torch.tensor([127 / 255 + (step**2 - (one - grey)) / (2 * step) for one in changed]).view(side, side)


def test_what_the_submit_port_answers_says_nothing_of_the_truth(ports: Ports) -> None:
    """Exact scores of 257 chosen pictures are the truth's red channel; the answers to the adversary are all alike."""
    made = [guess(picture=pack_picture(probe)) for probe in probes()]
    with ports.stubs() as (edge, adversary):
        edge.Witness(truth(size=16))
        scores = [ports.referee.submit(one) for one in made]
        others = [guess(size=16, final=True), guess(size=16, noise=0.0, final=True), guess("edge-0-2", size=16)]
        answers = [adversary.Submit.with_call(one) for one in made + others]
    assert (solved([score.psnr for score in scores if score]) - pixels(size=16)[0]).abs().max() < 0.5 / 255
    told = {
        (answer.SerializeToString(), call.code(), call.details(), call.initial_metadata(), call.trailing_metadata())
        for answer, call in answers
    }
    assert len(told) == 1


def test_the_edge_witnesses_and_concludes(ports: Ports) -> None:
    with ports.stubs() as (edge, adversary):
        edge.Witness(truth())
        edge.Conclude(outcome(total=0.1))
        adversary.Submit(guess(final=True))
    value = ports.metrics.registry.get_sample_value
    assert [value("keyhole_frames_total", {"outcome": outcome}) for outcome in ("witnessed", "answered")] == [1, 1]
    assert value("keyhole_ssim_count", {"attack": "pixels-white", "rung": ""}) == 1


def test_the_submit_port_refuses_all_but_what_attacks_say(ports: Ports) -> None:
    with ports.stubs() as (_, adversary):
        for call in (
            lambda: adversary.Witness(truth()),
            lambda: adversary.Conclude(outcome()),
            lambda: adversary.Settle(Account(edge="edge-0")),
            lambda: list(adversary.Watch(WatchRequest())),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call()
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
            assert "submit port takes Submit, Announce and Recall;" in explain(refused.value)
        adversary.Submit(guess())


def test_what_an_adversary_says_that_it_runs_is_shown_and_nothing_is_told_in_return(ports: Ports) -> None:
    learning = AttackStatus(
        attack="decoder-ladder", rung="amortised", knowledge="black box", tap="wire", training=100, ready=True
    )
    with ports.stubs() as (_, adversary):
        for steps in (0, 25):
            learning.steps = steps
            answer = adversary.Announce(Roster(attacks=[learning, AttackStatus(attack="pixels-white")]))
            assert answer.SerializeToString() == b""
    shown = ports.live.snapshot()
    assert shown.attacks == ("pixels-white", "decoder-ladder.amortised")
    assert shown.progress["decoder-ladder.amortised"] == AttackProgress("black box", "wire", True, 25, 100)
    assert shown.progress["decoder-ladder.amortised"].trained == 0.25
    assert not shown.progress["pixels-white"].ready


@pytest.mark.parametrize(
    ("status", "field"),
    [
        (AttackStatus(attack="truth"), "attacks[0].attack"),
        (AttackStatus(attack="a", rung="../b"), "attacks[0].rung"),
        (AttackStatus(attack="a", knowledge="x" * 129), "attacks[0].knowledge"),
        (AttackStatus(attack="a", steps=2**63), "attacks[0].steps"),
    ],
)
def test_a_roster_that_cannot_be_shown_is_refused(ports: Ports, status: AttackStatus, field: str) -> None:
    with ports.stubs() as (_, adversary), pytest.raises(grpc.RpcError) as refused:
        adversary.Announce(Roster(attacks=[status]))
    assert violations(refused.value)[0][0] == field
    assert ports.live.snapshot().attacks == ()


def test_who_is_missing_is_shown_until_he_is_back(ports: Ports) -> None:
    with ports.stubs() as (trusted, adversary):
        trusted.Attend(Presence(party="adversary", last_words=["adversary was killed by SIGKILL:", "attacking"]))
        absence = ports.live.snapshot().absences["adversary"]
        assert absence.last_words == ("adversary was killed by SIGKILL:", "attacking")
        for wrong, field in (
            (Presence(party="jury"), "party"),
            (Presence(party="edge", last_words=["x" * 129]), "last_words"),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                trusted.Attend(wrong)
            assert violations(refused.value)[0][0].startswith(field)
        with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
            adversary.Attend(Presence(party="adversary", running=True))
        assert set(ports.live.snapshot().absences) == {"adversary"}
        trusted.Attend(Presence(party="adversary", running=True))
    assert not ports.live.snapshot().absences


def test_what_is_rejected_names_the_field_and_the_server_lives_on(ports: Ports) -> None:
    with ports.stubs() as (edge, adversary):
        edge.Witness(truth())
        for call, message, field in (
            (edge.Witness, truth("../../etc/cron.d/x"), "frame_id"),
            (edge.Conclude, outcome("a/b"), "frame_id"),
            (adversary.Submit, guess("../x"), "frame_id"),
            (adversary.Submit, guess(attack="truth"), "attack"),
            (adversary.Submit, guess(size=16), "picture.png"),
        ):
            with pytest.raises(grpc.RpcError) as rejected:
                call(message)
            assert rejected.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert [name for name, _ in violations(rejected.value)] == [field]
        adversary.Submit(guess(final=True))
    scored = ports.metrics.registry.get_sample_value("keyhole_ssim_count", {"attack": "pixels-white", "rung": ""})
    assert scored == 1


def test_both_ports_are_healthy(ports: Ports) -> None:
    for port in (0, 1):
        with ports.channel(port) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=""))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_under_tls_the_adversarys_certificate_opens_the_submit_port_alone(tmp_path: Path) -> None:
    make_certificates(tmp_path / "certs")
    ports = Ports(tmp_path / "certs")
    try:
        with ports.stubs("edge", "adversary") as (edge, adversary):
            edge.Witness(truth())
            adversary.Submit(guess())
        with ports.stubs("monitor", "adversary") as (launcher, _):
            launcher.Attend(Presence(party="edge"))
        with ports.stubs("adversary", "adversary") as (intruder, _):
            back = Presence(party="adversary", running=True)
            for call in (
                lambda: intruder.Witness(truth()),
                lambda: intruder.Attend(back),
                lambda: list(intruder.Watch(WatchRequest())),
            ):
                with pytest.raises(grpc.RpcError) as refused:
                    call()
                assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
                assert "adversary" in explain(refused.value)
    finally:
        ports.close()


def test_every_picture_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five submissions of two frames, one of them ahead of its truth: scored, judged, stored, shown and streamed."""
    decoded, finish = [], PngImageFile.load_end

    def counted(picture: PngImageFile) -> None:
        decoded.append(picture.size)
        finish(picture)

    store = RunStore(tmp_path, keep=10)
    ports = Ports(store=store)
    secrets = pack_secrets(labels(identity="0"))
    frames = [truth(name, secrets=secrets) for name in ("edge-0-1", "edge-0-2")]
    submissions = [guess("edge-0-1"), guess("edge-0-1", final=True), guess("edge-0-1", "pixels-black", final=True)]
    monkeypatch.setattr(PngImageFile, "load_end", counted)
    try:
        with ports.stubs() as (edge, adversary), ports.broadcast.watch() as events:
            adversary.Submit(guess("edge-0-2"))
            for frame in frames:
                edge.Witness(frame)
            for made in (*submissions, guess("edge-0-2", final=True)):
                adversary.Submit(made)
            kinds = [events.take(0).WhichOneof("event") for _ in range(events.depth)]
        shown = ports.live.snapshot()
        assert ports.live.picture("edge-0-1", "pixels-black") == submissions[2].picture.png
    finally:
        ports.close()
        store.close()
    assert kinds.count("score") == 5
    assert all(attempt.recovery and attempt.recovery.identified is not None for attempt in shown.settled.values())
    assert len(decoded) == 7
