"""The latent network: it learns what it is to say, and its distance leads to the target."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from latent_inpaint.losses.latent_network import LatentNetwork, feature_cosine, latent_network_distance
from latent_inpaint.models.backbones.latent_lite0 import BLOCKS, WIDTHS, LatentLite0, at_size, moved
from latent_inpaint.models.refiners.base import Refined
from latent_inpaint.models.storage import load_model, save_model


def seed(number=0):
    return torch.Generator().manual_seed(number)


def test_maps_have_the_teachers_channels_at_the_latents_size(tmp_path):
    network = LatentLite0(8, width=16).eval()
    latent = torch.randn(2, 8, 5, 7)
    maps = network(latent)
    assert [tuple(m.shape) for m in maps] == [(2, width, 5, 7) for width in WIDTHS]
    again = load_model(save_model(network, tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(again(latent), maps))


def test_the_widths_are_those_of_lite0():
    pytest.importorskip("efficientnet_lite_pytorch")
    from latent_inpaint.models.backbones import Lite0Features

    features = Lite0Features(BLOCKS)(torch.rand(1, 3, 64, 64, generator=seed()))
    assert [feature.shape[1] for feature in features] == list(WIDTHS)
    assert [m.shape[-2:] for m in at_size(features, (8, 8))] == [(8, 8)] * 4


def test_size_of_maps_keeps_their_mean():
    feature = torch.rand(1, 3, 16, 16, generator=seed())
    (small,), (large,) = at_size([feature], (4, 4)), at_size([torch.ones(1, 3, 2, 2)], (4, 4))
    torch.testing.assert_close(small.mean(), feature.mean())
    torch.testing.assert_close(large, torch.ones(1, 3, 4, 4))


def test_moves_are_the_same_for_both_and_lose_nothing():
    a, b = torch.randn(2, 3, 6, 7, generator=seed(1)), torch.randn(2, 3, 6, 7, generator=seed(2))
    changed = 0
    for number in range(8):
        moved_a, moved_b = moved([a, b], seed(number))
        torch.testing.assert_close((moved_a * moved_b).sum(), (a * b).sum())
        changed += not torch.equal(moved_a, a)
    assert changed >= 6


def trained():
    """A network that learnt the features of a teacher on 4 × 4 times finer pictures."""
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.PixelShuffle(2), nn.Conv2d(2, 6, 3, padding=1), nn.ReLU()).requires_grad_(
        False
    )
    network = LatentLite0(8, width=16, targets=(6, 6), n_batches=5)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for step in range(150):
        latent = 3 + 2 * torch.randn(8, 8, 6, 6, generator=seed(step))
        network.statistics.update(latent)
        expected = at_size([teacher(latent)] * 2, (6, 6))
        loss = feature_cosine(network(latent), expected)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network.requires_grad_(False).eval(), losses


def test_a_short_training_and_the_overfit_of_one_latent():
    """Going down the distance from noise has to lead towards the target, not into a blind spot."""
    network, losses = trained()
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    target = 3 + 2 * torch.randn(1, 8, 6, 6, generator=seed(1001))
    start = 3 + 2 * torch.randn(1, 8, 6, 6, generator=seed(1002))
    latent = start.clone().requires_grad_()
    optimizer, generator = torch.optim.Adam([latent], lr=0.05), seed()
    for _ in range(200):
        optimizer.zero_grad()
        latent_network_distance(network, latent, target, generator).backward()
        optimizer.step()
    first, last = (latent_network_distance(network, z, target).item() for z in (start, latent.detach()))
    assert last < 0.1 * first
    assert (latent - target).square().mean() < 0.8 * (start - target).square().mean()


def test_distance_is_zero_at_the_target_and_gives_it_no_gradient():
    network = LatentLite0(4, width=8, targets=(3,)).eval()
    a = torch.randn(2, 4, 5, 5, generator=seed(1)).requires_grad_()
    b = torch.randn(2, 4, 5, 5, generator=seed(2)).requires_grad_()
    assert latent_network_distance(network, a, a).item() == 0
    latent_network_distance(network, a, b, seed()).backward()
    assert a.grad.abs().sum() > 0 and b.grad is None
    assert feature_cosine([a], [2 * a]).item() == pytest.approx(0, abs=1e-6)


class Made:
    """Outputs of a step of which the last third of the decoded latents is noise."""

    def __init__(self, batch, generator):
        self.generator = generator
        self.image = torch.rand(batch, 3, 12, 12, generator=generator)
        self.target_latent = torch.randn(batch, 4, 3, 3, generator=generator)
        self.latent = (self.target_latent + 1).requires_grad_()
        self.model = SimpleNamespace(decode=self.decode)
        self.refined = Refined(latent=self.latent, time=torch.linspace(0, 1, batch))

    def decode(self, latent):
        self.decoded = latent
        return latent[:, :3].repeat_interleave(4, 2).repeat_interleave(4, 3)


def latent_network(**settings):
    torch.manual_seed(0)
    teacher = nn.Conv2d(3, 5, 3, padding=1)
    network = LatentLite0(4, width=8, targets=(5,), n_batches=1)
    return LatentNetwork(network, Seen(teacher), torch.optim.Adam, **settings)


class Seen(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, image):
        return [self.layer(image)]


@pytest.mark.parametrize("batch", [1, 2, 6])
def test_a_lesson_is_on_true_made_and_noised_latents(batch):
    owner, outputs = latent_network().train(), Made(batch, seed())
    value = owner.discriminator_terms["lesson"](outputs)
    value.backward()
    assert outputs.latent.grad is None and owner.discriminator.layers[0][0].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in owner.teacher._held[0].parameters())
    step = min(3, batch)
    n_made = len(outputs.latent[1 % step :: step])
    assert torch.equal(outputs.decoded[:n_made], outputs.latent[1 % step :: step].detach())
    assert len(outputs.decoded) == batch - len(outputs.latent[::step]) + (batch < 3) * (3 - batch)


def test_only_estimates_at_little_noise_follow_the_network():
    outputs = Made(4, seed())
    term = latent_network(share=0.2, threshold=1.0).eval().terms["distance"]  # t ≤ 0.5
    term(outputs).backward()
    moved_pictures = outputs.latent.grad.flatten(1).abs().sum(1) > 0
    assert moved_pictures.tolist() == [True, True, False, False] and term.noted["gated"] == 0.5
    assert latent_network().terms == {}


def test_bad_arguments():
    with pytest.raises(ValueError, match="targets must be"):
        LatentLite0(4, targets=())
    with pytest.raises(ValueError, match="predicted must hold 1 maps, got 2"):
        feature_cosine([torch.ones(1, 2, 2, 2)] * 2, [torch.ones(1, 2, 2, 2)])
    with pytest.raises(ValueError, match="latent"):
        latent_network_distance(lambda z: [z], torch.ones(1, 2, 2, 2), torch.ones(1, 2, 2, 3))
