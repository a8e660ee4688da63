"""The context encoder: sizes, bottlenecks, what it sees."""

import pytest
import torch

from latent_inpaint.models import ContextEncoder, load_model, save_model
from latent_inpaint.models.generators.context_encoder import ResizedWarning


def pair(side=32):
    image = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 1, side, side)
    mask[..., side // 4 : side // 2, side // 4 : side // 2] = 1
    return image, mask


@pytest.mark.parametrize("bottleneck", [0, 24])
def test_it_fills_is_saved_and_loads(bottleneck, tmp_path):
    torch.manual_seed(0)
    model = ContextEncoder(4, 32, bottleneck).eval()
    image, mask = pair()
    with torch.no_grad():
        prediction = model(image, mask)
        assert prediction.shape == image.shape and prediction.min() >= 0 and prediction.max() <= 1
        assert torch.equal(model(image * (1 - mask), mask), prediction)  # what is in the hole is not seen
        assert torch.equal(load_model(save_model(model, tmp_path))(image, mask), prediction)


def test_the_released_network_has_its_sizes():
    model = ContextEncoder()
    widths = [layer[0].out_channels for layer in model.encoder]
    assert widths == [64, 64, 128, 256, 512] and model.middle.gather.weight.shape == (4000, 512, 4, 4)


def test_the_channelwise_layer_mixes_positions_of_one_channel():
    layer = ContextEncoder(4, 32, 0).middle
    assert layer.weight.shape == (8, 16, 16)  # channels, and all pairs of the 4×4 positions
    x = torch.zeros(1, 8, 4, 4, requires_grad=True)
    spread = torch.einsum("bcp,cpq->bcq", x.flatten(2), layer.weight)
    (gradient,) = torch.autograd.grad(spread[0, 3].sum(), x)
    assert gradient[0, 3].abs().min() > 0
    gradient[0, 3] = 0
    assert not gradient.any()


def test_other_sizes_are_resized_and_said_to_be():
    model = ContextEncoder(4, 32, 8).eval()
    image, mask = pair(48)
    with pytest.warns(ResizedWarning, match="works on 32×32: a picture of 48×48 is resized"):
        assert model(image, mask).shape == image.shape


@pytest.mark.parametrize(("arguments", "message"), [((4, 48), "size"), ((4, 8), "size"), ((0, 32), "width")])
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContextEncoder(*arguments)
