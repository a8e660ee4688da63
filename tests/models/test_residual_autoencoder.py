"""The block transform, and the residual autoencoder that starts as it."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from latent_inpaint.inference.canvas import Canvas
from latent_inpaint.inference.windows import decode, encode
from latent_inpaint.models import (
    Autoencoder,
    BlockDecoder,
    BlockEncoder,
    FFCRefiner,
    LatentInpainter,
    MaskControl,
    ResidualDecoder,
    ResidualEncoder,
    load_model,
    save_model,
)
from latent_inpaint.models.autoencoders.block_transform import (
    principal_components,
    start_from_pictures,
    starts_from_pictures,
    stationary_components,
)
from latent_inpaint.models.autoencoders.residual import Down, Up, match_channels, receptive_field
from latent_inpaint.models.geometry import hole_at_latent

WIDTHS = {2: (3, 6), 4: (3, 6, 12), 8: (3, 6, 12, 24), 16: (3, 6, 12, 24, 24)}


def residual(factor=8, channels=6, blocks=1):
    widths = WIDTHS[factor]
    n = len(widths) - 1
    encoder = ResidualEncoder(channels, widths, [blocks] * n)
    return Autoencoder(encoder, ResidualDecoder(channels, widths, [0] + [blocks] * n)).eval()


def block(factor=8, channels=6):
    return Autoencoder(BlockEncoder(factor, channels), BlockDecoder(factor, channels)).eval()


def learned(network):
    """As after some training: nothing is zero."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def features_of(decoder, latent):
    """What each of the decoder's blocks gives."""
    features = []
    for up in decoder.ups:
        latent = up(latent)
        features.append(latent)
    return features


@pytest.fixture
def pictures():
    """Smooth, coloured, within [0, 1]."""
    torch.manual_seed(0)
    coarse = torch.rand(8, 3, 8, 8)
    return functional.interpolate(coarse, (64, 64), mode="bicubic", align_corners=False).clamp(0, 1)


@pytest.mark.parametrize("make", [residual, block])
@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_shapes_for_every_factor(make, factor):
    model = make(factor, channels=5)
    image = torch.rand(2, 3, 32, 48)
    latent = model.encoder(image)
    assert model.encoder.down_factor == factor
    assert latent.shape == (2, 5, 32 // factor, 48 // factor)
    assert model.decoder(latent).shape == image.shape
    assert model.encoder.latent_channels == model.decoder.latent_channels == 5


@pytest.mark.parametrize("factor", [2, 8])
def test_step_0_is_the_block_transform(pictures, factor):
    ours, expected = residual(factor), block(factor)
    torch.testing.assert_close(ours(pictures), expected(pictures), atol=1e-4, rtol=0)
    basis = principal_components([pictures], factor, 6)
    for model in (ours, expected):
        model.encoder.start_from(basis)
        model.decoder.start_from(basis)
    torch.testing.assert_close(ours.encoder(pictures), expected.encoder(pictures), atol=1e-4, rtol=0)
    torch.testing.assert_close(ours(pictures), expected(pictures), atol=1e-4, rtol=0)


def test_neighbours_tell_what_a_block_left_out():
    """A field of one wave: what 4 coefficients lose of each block is a linear function of those around it."""
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    phases = 6.28 * torch.rand(12, 1, 1)
    waves = (0.5 + 0.3 * torch.sin(0.9 * x + 0.4 * y + phases))[:, None].expand(12, 3, 64, 64)
    train, test = waves[:8], waves[8:]
    models = residual(8, 4), block(8, 4)
    for model in models:
        start_from_pictures(model, [train[:4], train[4:]])
    torch.testing.assert_close(models[0].encoder(test), models[1].encoder(test), atol=1e-4, rtol=0)
    ours, linear = ((model(test) - test).square().mean().item() for model in models)
    assert ours < 0.02 * linear


def test_reading_neighbours_needs_pictures():
    with pytest.raises(ValueError, match="pairs: expected at least one, got none"):
        residual().decoder.fit([])


def test_all_components_give_back_every_picture():
    image = torch.rand(2, 3, 16, 16)
    model = block(4, 48)
    torch.testing.assert_close(model(image), image, atol=1e-4, rtol=0)
    start_from_pictures(model, [torch.rand(4, 3, 32, 32)])
    torch.testing.assert_close(model(image), image, atol=1e-4, rtol=0)


def test_components_are_orthonormal_and_lose_least(pictures):
    basis = principal_components([pictures[:5], pictures[5:]], factor=4, channels=8)
    rows = basis.components.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(8), atol=1e-5, rtol=0)
    assert (basis.deviations[3:].diff() <= 0).all()
    blocks = functional.unfold(pictures, 4, stride=4).transpose(1, 2).reshape(-1, 48)
    centred = blocks - basis.mean.repeat_interleave(16)
    lost = (centred - centred @ rows.T @ rows).square().sum(dim=1).mean()
    # the best that any 8 directions can do, and no more than a little above it: three of ours are fixed
    best = torch.linalg.svdvals(centred.double())[8:].square().sum() / len(blocks)
    assert best <= lost <= 1.05 * best
    torch.testing.assert_close((centred @ rows.T).square().mean(dim=0).sqrt(), basis.deviations)


def test_the_start_before_any_picture_is_a_cosine_transform_of_luma():
    basis = stationary_components(factor=8, channels=16)
    luma = basis.components.mean(dim=1)  # [16, 8, 8]
    angles = torch.pi * (torch.arange(8) + 0.5) / 8
    cosine = torch.cos(angles)[:, None].expand(8, 8)
    cosine = cosine / cosine.norm()
    alike = max(abs((part * cosine).sum() / part.norm()) for part in luma[3:5].unbind())
    mixed = (luma[3:5].flatten(1) / luma[3:5].flatten(1).norm(dim=1, keepdim=True)) @ cosine.flatten()
    assert alike > 0.6 and mixed.norm() > 0.98  # the two first waves share one variance: any rotation of them


def lattice(picture, factor):
    """Largest amplitude that repeats every `factor` pixels, its divisors included."""
    spectrum = torch.fft.fft2(picture, norm="forward").abs()
    height, width = picture.shape[-2:]
    at = spectrum[..., :: height // factor, :: width // factor].clone()
    at[..., 0, 0] = 0
    return at.max().item()


@pytest.mark.parametrize("make", [residual, block])
def test_flat_pictures_stay_flat(make, pictures):
    model = make()
    start_from_pictures(model, [pictures])
    flat = torch.rand(5, 3, 1, 1).expand(5, 3, 64, 64)
    again = model(flat)
    torch.testing.assert_close(again, flat, atol=1e-4, rtol=0)
    assert lattice(again, 8) < 1e-5


def test_upsampling_starts_without_a_lattice():
    """Whatever comes after it: flat features are flat after each doubling, up to the border."""
    flat = torch.rand(1, 12, 1, 1).expand(1, 12, 8, 8)
    for up in (Up(12, 6), Up(12, 12)):
        doubled = up(flat)
        assert doubled.shape[-2:] == (16, 16)
        assert lattice(doubled, 2) < 1e-5
        assert doubled.std(dim=(2, 3)).max() < 1e-5


def test_the_lattice_is_measured():
    stripes = (torch.arange(64) % 8 == 0).float().expand(1, 1, 64, 64)
    assert lattice(stripes, 8) == pytest.approx(1 / 8)
    assert lattice(torch.rand(1, 1, 1, 1).expand(1, 1, 64, 64), 8) < 1e-6


def test_shortcuts_carry_averages_and_copies():
    x = torch.arange(4.0).view(1, 4, 1, 1)
    assert match_channels(x, 2).flatten().tolist() == [0.5, 2.5]
    assert match_channels(x, 8).flatten().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    down = Down(3, 12)
    torch.nn.init.zeros_(down.conv.weight), torch.nn.init.zeros_(down.conv.bias)
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(functional.pixel_shuffle(down(image), 2), image)


@pytest.mark.parametrize("blocks", [[0, 0, 0], [1, 0, 1], [0, 2, 1]])
def test_the_receptive_field_holds_all_that_a_position_depends_on(blocks):
    encoder = learned(ResidualEncoder(4, (3, 6, 12, 12), blocks))
    image = torch.rand(1, 3, 160, 160, requires_grad=True)
    latent = encoder(image)
    at = latent.shape[-1] // 2
    (gradient,) = torch.autograd.grad(latent[..., at, at].sum(), image)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    half = receptive_field(blocks) // 2
    first, last = int(rows.min()) - 8 * at, int(rows.max()) - 8 * at
    assert max(-first, last) == half == encoder.receptive_field // 2


def test_outside_the_map_of_the_hole_the_latent_is_exact():
    encoder = learned(residual().encoder)
    image, mask = torch.rand(1, 3, 128, 128), torch.zeros(1, 1, 128, 128)
    mask[..., 61:70, 40:44] = 1
    true, masked = encoder(image), encoder(image * (1 - mask))
    hole = hole_at_latent(mask, (16, 16), encoder.receptive_field)
    assert 0 < hole.sum() < hole.numel() / 2
    known = (hole == 0).expand_as(true)
    torch.testing.assert_close(masked[known], true[known], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(masked, true, atol=1e-3)


@pytest.mark.parametrize("blocks", [[0, 0, 0, 0], [0, 0, 1, 3], [1, 0, 2, 0]])
def test_the_decoders_halo_holds_all_that_a_pixel_depends_on(blocks):
    decoder = learned(ResidualDecoder(4, (3, 6, 12, 12), blocks))
    decoder.requires_grad_(False)
    latent = torch.rand(1, 4, 33, 33, requires_grad=True)
    features = features_of(decoder, latent)[-1]
    picture = decoder.inverse(latent) + decoder.to_image(features)  # what is clipped has no gradient
    block = picture[..., 8 * 16 : 8 * 17, 8 * 16 : 8 * 17]
    (gradient,) = torch.autograd.grad(block.sum(), latent)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    reach = max(16 - int(rows.min()), int(rows.max()) - 16)
    assert reach == decoder.halo


@torch.no_grad()
def test_windows_give_what_the_whole_picture_gives():
    encoder, decoder = learned(residual(blocks=1).encoder), learned(residual(blocks=1).decoder)
    control = MaskControl(encoder.stage_channels)
    for zero_conv in control.zero_convs:
        torch.nn.init.normal_(zero_conv.weight, std=0.1)
    network = LatentInpainter(encoder, FFCRefiner(6, n_blocks=1), decoder, control).eval()
    rng = np.random.default_rng(0)
    canvas = Canvas(rng.integers(0, 256, (200, 264, 3), dtype=np.uint8))
    hole = rng.random((200, 264)) < 0.3
    box = canvas.whole
    mask = torch.from_numpy(hole)[None, None].float()
    expected = network.encode_masked(canvas.read(box), mask)
    torch.testing.assert_close(encode(network, canvas, box, hole, 6400), expected, rtol=1e-4, atol=1e-4)
    picture = network.decode(expected)
    for part, found in decode(network, expected, box, hole, margin=5, max_pixels=6400):
        torch.testing.assert_close(found, picture[0][(slice(None), *part.slices)], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("encoder", [residual().encoder, block().encoder], ids=["residual", "block"])
def test_mask_control_reaches_each_scale_and_starts_as_nothing(encoder):
    control = MaskControl(encoder.stage_channels).eval()
    image, mask = torch.rand(1, 3, 32, 48), torch.zeros(1, 1, 32, 48)
    mask[..., 8:16, 8:24] = 1
    plain = encoder(image * (1 - mask))
    assert torch.equal(control(image, mask, encoder), plain)
    controls = control.controls(mask)
    assert [tuple(c.shape[1:]) for c in controls] == [
        (width, 32 // 2**i, 48 // 2**i) for i, width in enumerate(encoder.stage_channels)
    ]
    changed = learned(encoder)
    plain = changed(image)
    for stage, tensor in enumerate(controls):
        lifted = [torch.ones_like(c) if i == stage else c for i, c in enumerate(controls)]
        assert not torch.allclose(changed(image, lifted), plain), f"stage {stage}, {list(tensor.shape)}"


def test_the_decoder_shows_its_blocks():
    decoder = residual().decoder
    features = features_of(decoder, torch.rand(1, 6, 4, 4))
    assert [f.shape[1] for f in features] == decoder.block_channels == [12, 6, 3]
    assert [f.shape[-1] for f in features] == [8, 16, 32]


@pytest.mark.parametrize("make", [residual, block])
def test_save_and_load(make, pictures, tmp_path):
    model = make()
    start_from_pictures(model, [pictures])
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert torch.equal(loaded(pictures), model(pictures))
    assert starts_from_pictures(loaded)


def test_the_transform_of_a_residual_autoencoder_does_not_train():
    model = residual()
    assert not any(
        name.startswith(("encoder.transform", "decoder.inverse")) for name, _ in model.named_parameters()
    )
    model(torch.rand(1, 3, 32, 32)).mean().backward()
    assert model.encoder.to_latent.weight.grad is not None
    assert model.decoder.to_image.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BlockEncoder(6, 16), "factor must be a power of two, got 6"),
        (lambda: BlockEncoder(8, 2), r"channels must be from 3 to 3·factor² = 192"),
        (lambda: BlockDecoder(4, 49), r"from 3 to 3·factor² = 48, the numbers of a block, got 49"),
        (lambda: ResidualEncoder(13, (3, 12), [0]), "= 12, the numbers of a block, got 13"),
        (lambda: ResidualEncoder(6, (4, 8), [0]), "widths must start with 3"),
        (lambda: ResidualEncoder(6, (3, 7), [0]), "a multiple of the other's channels, got 12 and 7"),
        (lambda: ResidualEncoder(6, (3,), []), "widths must be at least two positive numbers"),
        (lambda: ResidualEncoder(6, (3, 6), [0, 1]), "blocks: expected one number of at least 0 for each"),
        (lambda: ResidualDecoder(6, (3, 6), [0, -1]), "blocks: expected one number of at least 0"),
        (
            lambda: Autoencoder(BlockEncoder(8, 4), BlockDecoder(8, 5)),
            "latent_channels, got 4 and 5",
        ),
        (lambda: principal_components([], 8, 16), "pictures: expected at least one, got none"),
    ],
)
def test_bad_numbers_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
