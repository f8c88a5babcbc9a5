"""Flows with weights of their own: one-to-one, and the volume that they say."""

from __future__ import annotations

import torch

from keyhole.nn.flow import AdditiveFlows


def test_a_flow_begins_as_a_turn_and_says_how_it_changes_volumes() -> None:
    flows = AdditiveFlows(numbers=5, layers=3, hidden=4)
    random = torch.Generator().manual_seed(0)
    drawn = torch.randn(2, 5, generator=random)
    z, grown = flows(flows.start(0).expand(2, -1), drawn)
    assert torch.allclose(z, drawn.flip(-1))  # an odd number of turns
    assert torch.allclose(grown, torch.zeros(2))

    weights = flows.start(0) + 0.3 * torch.randn(2, flows.weights, generator=random)
    z, grown = flows(weights, drawn)
    for at in range(2):
        jacobian = torch.autograd.functional.jacobian(
            lambda e, at=at: flows(weights[at : at + 1], e[None])[0][0], drawn[at]
        )
        assert torch.allclose(torch.linalg.slogdet(jacobian).logabsdet, grown[at], atol=1e-4)
    alone, _ = flows(weights[1:], drawn[1:])
    assert torch.allclose(alone[0], z[1], atol=1e-6)
