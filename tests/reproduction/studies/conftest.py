import pytest
import torch

from latent_inpaint.models import Decoder, Encoder, FFCRefiner, LatentInpainter, MaskControl


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoder = Encoder(2)
    guide = MaskControl(encoder.stage_channels)
    return LatentInpainter(encoder, FFCRefiner(16, n_blocks=1), Decoder(2), guide).eval()
