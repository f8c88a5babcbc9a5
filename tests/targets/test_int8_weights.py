from pathlib import Path

import torch

from keyhole.targets.weight_files import dequantise, load_weights, quantise, save_quantised


def test_an_error_of_at_most_half_a_step(tmp_path: Path) -> None:
    noise = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    weight = noise * torch.logspace(-3, 3, 6)[:, None, None, None]
    state = {"weight": weight, "bias": torch.randn(6), "count": torch.tensor(3), "zero": torch.zeros(2, 2)}
    save_quantised(state, tmp_path / "state.safetensors")
    stored = load_weights(tmp_path / "state.safetensors")
    assert stored.keys() == state.keys()
    steps = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    assert ((stored["weight"] - weight).abs() <= steps * 0.5001).all()
    for name in ("bias", "count", "zero"):
        assert torch.equal(stored[name], state[name])
    assert (tmp_path / "state.safetensors").stat().st_size < weight.numel() * 4


def test_plain_weights_pass_unchanged() -> None:
    state = {"weight": torch.randn(2, 2)}
    assert torch.equal(dequantise(state)["weight"], state["weight"])
    assert quantise(state)["weight"].dtype is torch.int8
