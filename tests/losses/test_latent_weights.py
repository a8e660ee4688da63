from types import SimpleNamespace

import pytest
import torch
from torch import nn

from latent_inpaint.losses.latent_l1 import LatentL1, latent_l1
from latent_inpaint.losses.latent_weights import (
    ChannelWeights,
    DecoderSensitivity,
    HoleWeights,
    InverseDeviation,
    channel_variance,
    hole_at_latent,
    squared_sensitivity,
)
from latent_inpaint.models import Encoder

SCALES = torch.tensor([0.5, 1.0, 4.0])[:, None, None]


def latents(rng, scales=SCALES):
    return scales * torch.randn(4, 3, 16, 16, generator=rng)


def test_variance_is_that_of_each_channel(rng):
    latent = latents(rng)
    torch.testing.assert_close(channel_variance(latent)[2], latent[:, 2].var(unbiased=False))


def test_dividing_by_the_deviation_makes_channels_count_alike(rng):
    weights = InverseDeviation(3, floor=0.0)(SimpleNamespace(target_latent=latents(rng)))
    torch.testing.assert_close(weights, 1 / SCALES, rtol=0.1, atol=0)


def test_a_channel_that_never_moves_does_not_take_over():
    statistic = torch.tensor([0.0, 1.0, 1.0])
    weights = InverseDeviation(3, floor=0.1).weigh(statistic)
    assert weights[0] < 15 * weights[1]
    assert torch.isfinite(InverseDeviation(3).weigh(torch.zeros(3))).all()


def test_statistic_is_the_mean_of_the_first_batches_and_then_fixed(rng):
    weights = InverseDeviation(3, n_batches=2)
    batches = [SimpleNamespace(target_latent=latents(rng, k * SCALES)) for k in (1, 2, 30)]
    for batch in batches:
        weights(batch)
    expected = (channel_variance(batches[0].target_latent) + channel_variance(batches[1].target_latent)) / 2
    torch.testing.assert_close(weights.statistic, expected)
    resumed = InverseDeviation(3, n_batches=2)
    resumed.load_state_dict(weights.state_dict())
    torch.testing.assert_close(resumed(batches[2]), weights(batches[2]))
    torch.testing.assert_close(resumed.statistic, expected)


def test_validation_counts_nothing_in(rng):
    weights = InverseDeviation(3).eval()
    batch = SimpleNamespace(target_latent=latents(rng))
    values = weights(batch)
    assert weights.batches_seen == 0
    torch.testing.assert_close(values, InverseDeviation(3)(batch))


def test_sensitivity_of_a_linear_decoder_is_its_columns_norm(rng):
    decoder = nn.Conv2d(3, 200, kernel_size=1, bias=False)
    latent = latents(rng)
    estimate = squared_sensitivity(decoder, latent, rng)
    torch.testing.assert_close(estimate, decoder.weight.square().sum(dim=(0, 2, 3)), rtol=0.1, atol=0)
    assert not estimate.requires_grad


@torch.no_grad()
def test_channels_are_weighed_by_what_they_do_to_the_picture(rng):
    factors = torch.tensor([1.0, 2.0, 3.0])
    model = SimpleNamespace(decode=lambda z: factors[:, None, None] * z)
    weights = DecoderSensitivity(3, n_batches=1)
    batch = SimpleNamespace(model=model, target_latent=latents(rng))
    torch.testing.assert_close(weights(batch).flatten(), factors / 2, rtol=0.1, atol=0)
    batch.model = None
    weights(batch)  # the statistic is complete: the decoder is not asked again


def test_sensitivity_can_be_measured_in_validation(rng):
    model = SimpleNamespace(decode=nn.Conv2d(3, 3, 1))
    with torch.inference_mode():
        batch = SimpleNamespace(model=model, target_latent=latents(rng))
        assert torch.isfinite(DecoderSensitivity(3).eval()(batch)).all()


def test_wrong_number_of_channels_is_refused(rng):
    with pytest.raises(ValueError, match="channels must be the latent's, 3, got 4"):
        InverseDeviation(4)(SimpleNamespace(target_latent=latents(rng)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: InverseDeviation(0), "channels must be at least 1, got 0"),
        (lambda: DecoderSensitivity(3, n_batches=0), "n_batches must be at least 1, got 0"),
        (lambda: InverseDeviation(3, floor=-1), "floor must be finite and at least 0"),
        (lambda: HoleWeights(hole_weight=-1), "hole_weight must be finite"),
        (lambda: HoleWeights(known_weight=float("nan")), "known_weight must be finite"),
        (lambda: HoleWeights(receptive_field=20), "receptive_field must be odd and at least 1, got 20"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_base_class_measures_nothing(rng):
    with pytest.raises(NotImplementedError):
        ChannelWeights(3, 1)(SimpleNamespace(target_latent=latents(rng)))
    with pytest.raises(NotImplementedError):
        ChannelWeights(3, 1).weigh(torch.zeros(3))


@pytest.mark.parametrize("n_downsampling", [1, 2, 3])
def test_receptive_field_is_the_encoders(n_downsampling):
    encoder = Encoder(2, n_downsampling).double().eval()
    for weight in encoder.parameters():
        weight.data.abs_()  # no ReLU is off
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    latent = encoder(image)
    size = latent.shape[-2:]
    position = (size[0] // 2, size[1] // 2)
    (gradient,) = torch.autograd.grad(latent[0, :, position[0], position[1]].sum(), image)
    seen = (gradient.abs().sum(dim=1, keepdim=True) > 0).double()
    receptive_field = 7 + 2 * (2**n_downsampling - 1)
    only_there = torch.zeros_like(seen)
    centre = [2**n_downsampling * i for i in position]
    half = receptive_field // 2
    only_there[..., centre[0] - half : centre[0] + half + 1, centre[1] - half : centre[1] + half + 1] = 1
    assert (seen <= only_there).all()
    rows, columns = seen[0, 0].any(dim=1), seen[0, 0].any(dim=0)
    assert rows.sum() == columns.sum() == receptive_field
    damage = hole_at_latent(only_there, tuple(size), receptive_field, share=True)
    assert damage[0, 0, position[0], position[1]] == 1
    assert (damage == 1).sum() == 1


def test_any_hole_in_the_receptive_field_damages_a_position():
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 32, 32] = 1
    expected = torch.zeros(1, 1, 8, 8)
    expected[..., 3:6, 3:6] = 1
    torch.testing.assert_close(hole_at_latent(hole, (8, 8), receptive_field=21), expected)
    expected[..., 3:6, 3:6] = 1 / 441
    torch.testing.assert_close(hole_at_latent(hole, (8, 8), receptive_field=21, share=True), expected)
    assert hole_at_latent(hole, (8, 8), receptive_field=1).sum() == 1


def test_whole_hole_damages_everything_also_at_the_border():
    assert (hole_at_latent(torch.ones(1, 1, 64, 32), (8, 4), 21, share=True) == 1).all()


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="hole must be a multiple of the latent's size 8×8"):
        hole_at_latent(torch.zeros(1, 1, 60, 64), (8, 8), 21)
    with pytest.raises(ValueError, match="receptive_field must be odd"):
        hole_at_latent(torch.zeros(1, 1, 64, 64), (8, 8), 4)


def test_latent_l1_weighs_hole_and_known_region(loss_tester, rng):
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., :16, :] = 1
    weights = HoleWeights(hole_weight=6.0, known_weight=0.5, receptive_field=1)

    def loss(x, y, hole):
        return latent_l1(x, y, position_weights=weights(mask, (4, 4)))

    estimate, target = (torch.randn(2, 5, 4, 4, generator=rng) for _ in range(2))
    hole = hole_at_latent(mask, (4, 4), 1)
    loss_tester.check_weight_of_the_hole(loss, estimate, target, hole, known_weight=0.5, hole_weight=6.0)


def test_weighted_latent_l1_is_a_sound_loss(loss_tester, rng):
    estimate, target = latents(rng), latents(rng)
    estimate, target = estimate[:1, :, :3, :3], target[:1, :, :3, :3]
    position_weights = torch.rand(1, 1, 3, 3, generator=rng)
    loss_tester.check_gradient(
        lambda x, y: latent_l1(x, y, SCALES.to(x.dtype), position_weights.to(x.dtype)), estimate, target
    )
    assert latent_l1(target, target, SCALES, position_weights) == 0


def test_term_uses_both_weights(rng):
    batch = SimpleNamespace(
        latent=latents(rng),
        target_latent=latents(rng),
        mask=(torch.rand(4, 1, 128, 128, generator=rng) > 0.9).float(),
    )
    term = LatentL1(channels=InverseDeviation(3), positions=HoleWeights(5.0, 1.0, 3, share=True))
    value = term(batch)
    channels = term.channels(batch)
    positions = 1 + 4 * hole_at_latent(batch.mask, (16, 16), 3, share=True)
    expected = (channels * positions * (batch.latent - batch.target_latent).abs()).mean()
    torch.testing.assert_close(value, expected, rtol=1e-2, atol=0)
