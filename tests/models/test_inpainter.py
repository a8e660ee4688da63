import copy

import pytest
import torch

from latent_inpaint.models import (
    AlphaEncoder,
    Autoencoder,
    Decoder,
    Encoder,
    FFCRefiner,
    LatentInpainter,
    MaskAsAlpha,
    MaskControl,
    Unguided,
)
from latent_inpaint.models.autoencoders.ffc import UpBlock
from latent_inpaint.models.geometry import pad_to_multiple
from latent_inpaint.models.inpainter import composite
from latent_inpaint.training.outputs import InpaintingOutputs


def network(in_channels=3, control=True, ngf=4, n_downsampling=3):
    encoder = Encoder(ngf, n_downsampling, in_channels)
    guide = (
        MaskControl(encoder.stage_channels) if control else MaskAsAlpha() if in_channels == 4 else Unguided()
    )
    refiner = FFCRefiner(encoder.latent_channels, n_blocks=1)
    return LatentInpainter(encoder, refiner, Decoder(ngf, n_downsampling), guide)


@pytest.fixture
def picture():
    torch.manual_seed(0)
    return torch.rand(2, 3, 32, 48), (torch.rand(2, 1, 32, 48) > 0.7).float()


def test_controlled_encoder_equals_the_plain_one_at_step_0(picture):
    image, mask = picture
    model = network().eval()
    assert torch.equal(model.encode_masked(image, mask), model.encode(image * (1 - mask)))


def test_controls_change_the_latent_once_the_zero_convs_do(picture):
    image, mask = picture
    model = network().eval()
    for conv in model.guide.zero_convs:
        torch.nn.init.normal_(conv.weight)
    changed = model.encode_masked(image, mask)
    assert not torch.allclose(changed, model.encode(image * (1 - mask)))


def test_each_scale_is_controlled():
    encoder = Encoder(4, 2).eval()
    controls = MaskControl(encoder.stage_channels).controls(torch.ones(1, 1, 16, 24))
    assert [tuple(c.shape[1:]) for c in controls] == [(4, 16, 24), (8, 8, 12), (16, 4, 6)]
    image = torch.rand(1, 3, 16, 24)
    for stage, control in enumerate(controls):
        lifted = [torch.ones_like(c) if i == stage else c for i, c in enumerate(controls)]
        assert not torch.allclose(encoder(image, lifted), encoder(image)), (
            f"stage {stage} of shape {control.shape}"
        )


def test_a_mask_channel_of_zeros_changes_nothing(picture):
    image, mask = picture
    model = network(in_channels=4, control=False).eval()
    with torch.no_grad():
        model.encoder.stem.conv.weight[:, 3] = 0
    assert torch.allclose(model.encode_masked(image, mask), model.encode(image * (1 - mask)))


def test_what_is_in_the_hole_does_not_matter(picture):
    image, mask = picture
    model = network().eval()
    other = torch.where(mask.bool(), torch.rand_like(image), image)
    assert torch.equal(model(image, mask), model(other, mask))


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 40), (33, 17)])
def test_any_size(size):
    model = network().eval()
    prediction = model(torch.rand(1, 3, *size), torch.ones(1, 1, *size))
    assert prediction.shape == (1, 3, *size)
    assert prediction.min() >= 0 and prediction.max() <= 1


@pytest.mark.parametrize("n_downsampling", [1, 2, 4])
def test_any_depth(n_downsampling):
    model = network(ngf=2, n_downsampling=n_downsampling).eval()
    assert model.down_factor == 2**n_downsampling
    assert model(torch.rand(1, 3, 32, 64), torch.ones(1, 1, 32, 64)).shape == (1, 3, 32, 64)


def test_padding_mirrors():
    x = torch.arange(3.0).view(1, 1, 1, 3)
    assert pad_to_multiple(x, 4)[0, 0, 0].tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    even = torch.rand(1, 1, 16, 16)
    assert pad_to_multiple(even, 8) is even


def test_composite_keeps_known_pixels_bit_for_bit(picture):
    image, mask = picture
    repaired = composite(image, mask, torch.rand_like(image))
    known = (mask == 0).expand_as(image)
    assert torch.equal(repaired[known], image[known])


def test_shapes_are_checked(picture):
    image, mask = picture
    model = network().eval()
    with pytest.raises(ValueError, match=r"image must have the shape \[B, 3, H, W\], got \[3, 32, 48\]"):
        model(image[0], mask)
    with pytest.raises(
        ValueError, match=r"mask must have the shape \[2, 1, 32, 48\] of its image, got \[2, 1, 32, 40\]"
    ):
        model(image, mask[..., :40])
    with pytest.raises(ValueError, match=r"multiples of 8, got \[30, 48\]"):
        InpaintingOutputs(model, image[..., :30, :], mask[..., :30, :])


def test_parts_must_fit():
    with pytest.raises(ValueError, match="agree on latent_channels, got 32 and 64"):
        Autoencoder(Encoder(4), Decoder(8))
    with pytest.raises(ValueError, match="encoder must take 4 channels, the mask the last, got 3"):
        AlphaEncoder(Encoder(4))
    with pytest.raises(ValueError, match="n_downsampling must be at least 1, got 0"):
        Encoder(4, 0)
    with pytest.raises(ValueError, match="in_channels must be 3"):
        Encoder(4, in_channels=5)


def test_outputs_are_lazy_and_kept(picture):
    image, mask = picture
    model = network().train()
    calls = []
    model.decoder.register_forward_hook(lambda *_: calls.append(1))
    output = InpaintingOutputs(model, image, mask)
    assert output.latent is output.latent
    assert not output.target_latent.requires_grad
    assert not calls
    assert output.prediction is output.prediction
    assert output.composite.shape == image.shape
    assert calls == [1]


def test_a_new_decoder_draws_no_checkerboard():
    """Flat stays flat: transposed convolutions start as bilinear doubling."""
    block = UpBlock(4, 4)
    doubled = block.conv(torch.rand(1, 4, 1, 1).expand(1, 4, 6, 6))[..., :-1, :-1]  # the border sees zeros
    assert doubled.std(dim=(2, 3)).max() < 1e-6 < doubled.std()


def test_two_values_of_the_mask_give_what_the_convolutions_give(picture):
    """Controls, gradients and statistics of the short cut, in both modes."""
    _, mask = picture
    quick = MaskControl([4, 8, 16])
    for conv in quick.zero_convs:
        torch.nn.init.normal_(conv.weight)
    dense = copy.deepcopy(quick)
    for mode in (True, False):
        results = []
        for encoder, compute in ((quick.train(mode), quick.controls), (dense.train(mode), dense._dense)):
            controls = compute(mask)
            encoder.zero_grad()
            sum((control.square() * 0.1).sum() for control in controls).backward()
            gradients = [p.grad for p in encoder.parameters()]
            results.append([*controls, *gradients, *encoder.buffers()])
        for ours, expected in zip(*results, strict=True):
            torch.testing.assert_close(ours, expected, atol=1e-3, rtol=1e-3)


def test_two_values_of_the_mask_under_autocast(picture):
    _, mask = picture
    quick = MaskControl([4, 8, 16]).train()
    for conv in quick.zero_convs:
        torch.nn.init.normal_(conv.weight)
    dense = copy.deepcopy(quick)
    with torch.autocast("cpu", torch.bfloat16):
        ours, expected = quick.controls(mask), dense._dense(mask)
    sum(control.float().square().mean() for control in ours).backward()
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=0.1, rtol=0.1)
    for one, other in zip(quick.buffers(), dense.buffers(), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, atol=2e-2, rtol=2e-2)
    assert all(parameter.grad.isfinite().all() for parameter in quick.parameters())
