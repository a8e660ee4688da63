"""E-LatentLPIPS by a stand-in of the authors' package, which is not free to bring along."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from latent_inpaint.losses.e_latent_lpips import ELatentLPIPS
from latent_inpaint.models.refiners.base import Refined


class Slices(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.slice1 = nn.Sequential()
        self.slice1.add_module("0", features[0])


class LatentVGG16BN(nn.Module):
    def __init__(self, channels, requires_grad):
        super().__init__()
        self.model = SimpleNamespace(features=nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1)))


class Package(nn.Module):
    """As 0.2 has it: built without weights its slices are for pictures of three channels."""

    def __init__(self, pretrained, pnet_rand, encoder, augment, verbose):
        super().__init__()
        assert not pretrained and pnet_rand
        self.net = Slices(nn.Sequential(nn.Conv2d(3, 6, 3, padding=1)))
        self.augment = nn.Module()
        self.augment.register_buffer("p", torch.ones(()))

    def forward(self, in0, in1, normalize, ensembling, add_l1_loss):
        assert ensembling and not normalize and not add_l1_loss
        shift = int(torch.randint(0, 4, ()))
        a, b = (self.net.slice1(x.roll(shift, -1) * x.new_tensor(shift + 1.0)) for x in (in0, in1))
        return (a - b).square().mean((1, 2, 3))[:, None, None, None]


@pytest.fixture
def weights(tmp_path, monkeypatch):
    package, vgg = ModuleType("elatentlpips"), ModuleType("elatentlpips.vgg16")
    package.ELatentLPIPS, vgg.LatentVGG16BN = Package, LatentVGG16BN
    monkeypatch.setitem(sys.modules, "elatentlpips", package)
    monkeypatch.setitem(sys.modules, "elatentlpips.vgg16", vgg)
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 6, 3, padding=1)
    torch.save({f"net.slice1.0.{name}": w for name, w in layer.state_dict().items()}, tmp_path / "sd15.pth")
    return tmp_path / "sd15.pth"


def outputs(seed=0, channels=4, times=None):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(2, channels, 6, 6, generator=torch.Generator().manual_seed(9))
    latent = (target + 1).requires_grad_()
    refined = Refined(latent=latent, time=times)
    return SimpleNamespace(latent=latent, target_latent=target, refined=refined, generator=generator)


def test_distance_by_the_files_weights_with_transforms_of_the_steps_generator(weights):
    term = ELatentLPIPS(weights)
    before = torch.get_rng_state()
    one, same, other = (term(outputs(seed)) for seed in (0, 0, 3))
    assert torch.equal(before, torch.get_rng_state())
    assert one == same and one > 0 and one != other
    step = outputs()
    term(step).backward()
    assert step.latent.grad.abs().sum() > 0 and not list(term.parameters())
    step.latent = step.target_latent
    assert term(step) == 0


def test_only_estimates_at_little_noise_count(weights):
    step = outputs(times=torch.tensor([0.2, 0.9]))
    term = ELatentLPIPS(weights, threshold=3.0)
    term(step).backward()
    assert step.latent.grad[0].any() and not step.latent.grad[1].any() and term.noted["gated"] == 0.5


def test_mistakes_are_named(weights, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="encoder must be one of sd15"):
        ELatentLPIPS(weights, "sd9")
    with pytest.raises(FileNotFoundError, match=r"none.pth is not there; it is at https.*sdxl_latest"):
        ELatentLPIPS(tmp_path / "none.pth", "sdxl")
    with pytest.raises(ValueError, match="is not E-LatentLPIPS for sd3"):
        ELatentLPIPS(weights, "sd3")
    with pytest.raises(ValueError, match="latent must have the 4 channels of sd15"):
        ELatentLPIPS(weights)(outputs(channels=3))
    monkeypatch.setitem(sys.modules, "elatentlpips", None)
    with pytest.raises(ImportError, match="CC BY-NC 4.0: pip install elatentlpips"):
        ELatentLPIPS(weights)
