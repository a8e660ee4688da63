import pytest
import torch

from latent_inpaint.models import Decoder, Encoder, FFCRefiner, LatentInpainter, Unguided, save_model


@pytest.fixture
def network(tmp_path):
    torch.manual_seed(0)
    model = LatentInpainter(Encoder(ngf=2), FFCRefiner(16, n_blocks=1), Decoder(ngf=2), Unguided()).eval()
    save_model(model, tmp_path / "tiny" / "model")
    return tmp_path / "tiny"
