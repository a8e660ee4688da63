import numpy as np
import pytest
import torch

from latent_inpaint.models import (
    Decoder,
    Encoder,
    FFCRefiner,
    FlowRefiner,
    LatentInpainter,
    MaskControl,
    UNetDenoiser,
    Unguided,
)
from latent_inpaint.models.refiners import condition_channels


def build_network(ngf: int = 4, n_blocks: int = 1) -> LatentInpainter:
    """A mask-controlled network with random weights in which the mask has an effect."""
    torch.manual_seed(0)
    encoder = Encoder(ngf=ngf)
    controls = MaskControl(encoder.stage_channels)
    for zero_conv in controls.zero_convs:
        torch.nn.init.normal_(zero_conv.weight, std=0.1)
    refiner = FFCRefiner(encoder.latent_channels, n_blocks=n_blocks)
    return LatentInpainter(encoder, refiner, Decoder(ngf=ngf), controls).eval()


@pytest.fixture(scope="session")
def make_network():
    return build_network


@pytest.fixture(scope="session")
def network():
    return build_network()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def sampler():
    """A latent network whose refiner draws."""
    torch.manual_seed(0)
    denoiser = UNetDenoiser(8, condition_channels(8, 4), widths=(8, 16), heads=2, embedding=16)
    torch.nn.init.normal_(denoiser.decoder.leave.weight, std=0.1)
    refiner = FlowRefiner(denoiser, down_factor=4, steps=2)
    return LatentInpainter(Encoder(2, 2), refiner, Decoder(2, 2), Unguided()).eval()
