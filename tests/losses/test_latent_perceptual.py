from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from latent_inpaint.losses.feature_distance import (
    normalised_distances,
    standardised_distance,
    standardised_distances,
)
from latent_inpaint.losses.latent_perceptual import LatentPerceptual, inlier_mask
from latent_inpaint.models import Decoder, Encoder, FFCRefiner, LatentInpainter, Unguided
from latent_inpaint.models.refiners.base import Refined
from latent_inpaint.training.outputs import InpaintingOutputs

FIXTURE = Path(__file__).parents[1] / "fixtures" / "lpl_outliers.safetensors"


@pytest.mark.parametrize("down_factor", [1, 2])
def test_inlier_mask_equals_the_reference(down_factor):
    stored = load_file(FIXTURE)
    mask = inlier_mask(stored[f"features_down{down_factor}"], down_factor)
    assert mask.dtype == torch.bool
    assert torch.equal(mask, stored[f"inlier_mask_down{down_factor}"].bool())


def test_a_planted_group_of_outliers_is_left_out_with_its_border(rng):
    features = torch.rand(1, 2, 32, 32, generator=rng)
    features[0, 0, 4:7, 8:11] = 1000
    mask = inlier_mask(features)
    assert not mask[0, 0, 4:7, 8:11].any()
    assert mask[0, 1].all()
    assert mask[0, 0, :2].all() and mask[0, 0, 10:].all()


@pytest.mark.parametrize("size", [2, 7])
@pytest.mark.parametrize("down_factor", [1, 2, 4, 8])
def test_inlier_mask_of_small_maps(rng, size, down_factor):
    mask = inlier_mask(torch.randn(1, 3, size, size, generator=rng), down_factor)
    assert mask.shape == (1, 3, size, size)


def test_inlier_mask_refuses_bad_arguments():
    with pytest.raises(
        ValueError, match=r"features must have the shape \[B, C, H, W\], H·W ≥ 2, got \[3, 8, 8\]"
    ):
        inlier_mask(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match=r"got \[1, 3, 1, 1\]"):
        inlier_mask(torch.zeros(1, 3, 1, 1))
    with pytest.raises(ValueError, match="down_factor must be at least 1, got 0"):
        inlier_mask(torch.zeros(1, 3, 8, 8), 0)


def distance(x, y, **options):
    return standardised_distance(x, y, torch.ones_like(y, dtype=torch.bool), **options)


def test_standardised_distance_is_a_sound_loss(loss_tester, output):
    loss_tester.check(distance, output.latent, output.target_latent)


def test_standardised_distance_does_not_see_a_channels_scale(output):
    scale = torch.tensor([0.1, 1.0, 10.0, 100.0, 1000.0])[:, None, None]
    plain = distance(output.latent, output.target_latent, deviation_floor=0.0)
    scaled = distance(scale * output.latent + 3, scale * output.target_latent + 3, deviation_floor=0.0)
    torch.testing.assert_close(scaled, plain, rtol=1e-3, atol=0)


def test_one_deviation_of_error_costs_one(rng):
    target = torch.randn(2, 3, 32, 32, generator=rng)
    error = target.std(dim=(2, 3), keepdim=True, unbiased=False)
    torch.testing.assert_close(
        distance(target + error, target, deviation_floor=0.0), torch.tensor(1.0), rtol=1e-4, atol=0
    )


def test_the_statistics_are_those_asked_for(rng):
    target = torch.randn(1, 1, 32, 32, generator=rng)
    estimate = 2 * target + 1
    by_target = distance(estimate, target, deviation_floor=0.0)
    by_estimate = distance(estimate, target, deviation_floor=0.0, estimate_statistics=True)
    torch.testing.assert_close(by_target, 4 * by_estimate, rtol=1e-4, atol=0)


def test_only_kept_positions_count_and_are_averaged_over(rng):
    target = torch.randn(1, 2, 8, 8, generator=rng)
    estimate = target.clone()
    estimate[0, 0, 0] += 1
    kept = torch.zeros_like(target, dtype=torch.bool)
    kept[0, 0, :2] = True
    variance = target[0, 0].var(unbiased=False)
    value = standardised_distance(estimate, target, kept, deviation_floor=0.0)
    torch.testing.assert_close(value, 0.5 * 0.5 / variance, rtol=1e-4, atol=0)


def test_a_constant_channel_does_not_explode(rng):
    target = torch.randn(2, 4, 8, 8, generator=rng)
    target[:, 0] = 0
    assert distance(target + 0.1, target) < 1


class CountedBlock(torch.nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block
        self.runs = 0

    def forward(self, x):
        self.runs += 1
        return self.block(x)


def make_output(size=64, channels=4):
    torch.manual_seed(0)
    model = LatentInpainter(
        Encoder(channels), FFCRefiner(8 * channels, n_blocks=1), Decoder(channels), Unguided()
    )
    model.eval().requires_grad_(False)
    model.refiner.requires_grad_(True)
    image = torch.rand(2, 3, size, size)
    mask = torch.zeros(2, 1, size, size)
    mask[..., 8:40, 8:40] = 1
    return InpaintingOutputs(model, image, mask)


def test_decoder_runs_only_as_deep_as_the_deepest_block():
    output = make_output()
    blocks = output.model.decoder.ups
    for index in range(len(blocks)):
        blocks[index] = CountedBlock(blocks[index])
    LatentPerceptual(blocks=[0, 1], checkpointing=False)(output)
    assert [block.runs for block in blocks] == [2, 2, 0]


def test_gradient_reaches_the_refiner_and_not_the_decoder():
    output = make_output()
    value = LatentPerceptual(blocks=[0, 2])(output)
    value.backward()
    assert value.shape == () and value > 0
    assert all(p.grad is not None for p in output.model.refiner.parameters())
    assert all(p.grad is None for p in output.model.decoder.parameters())


def test_checkpointing_changes_nothing_but_the_memory():
    gradients = []
    for checkpointing in (False, True):
        output = make_output()
        blocks = output.model.decoder.ups
        blocks[0] = CountedBlock(blocks[0])
        LatentPerceptual(blocks=[1], checkpointing=checkpointing)(output).backward()
        assert blocks[0].runs == (3 if checkpointing else 2)
        gradients.append([p.grad for p in output.model.refiner.parameters()])
    for plain, checkpointed in zip(*gradients):
        torch.testing.assert_close(plain, checkpointed)


def test_value_is_the_weighted_sum_of_the_blocks():
    output = make_output()
    alone = [LatentPerceptual(blocks=[b], block_weights=[1])(output) for b in range(3)]
    together = LatentPerceptual(blocks=[0, 1, 2])(output)
    torch.testing.assert_close(together, alone[0] / 2 + alone[1] / 4 + alone[2] / 8)
    chosen = LatentPerceptual(blocks=[0, 2], block_weights=[3, 0.5])(output)
    torch.testing.assert_close(chosen, 3 * alone[0] + 0.5 * alone[2])


def test_outliers_of_the_target_can_be_masked_or_not():
    output = make_output()
    output.model.decoder.ups[0] = torch.nn.Upsample(scale_factor=2)
    output.target_latent[0, 0, 3:6, 3:6] += 100
    masked = LatentPerceptual(blocks=[0])(output)
    assert masked < LatentPerceptual(blocks=[0], mask_outliers=False)(output)


def test_zero_where_the_latents_are_equal():
    output = make_output()
    output.__dict__["refined"] = Refined(output.target_latent)
    assert LatentPerceptual(blocks=[0, 1, 2])(output) == 0


def test_only_pictures_with_little_noise_count():
    output = make_output()
    latent = output.refined.latent
    alone = LatentPerceptual(blocks=[0, 1])
    both = alone(output)
    assert alone.noted.keys() == {"variance_0", "variance_1"}
    term = LatentPerceptual(blocks=[0, 1], threshold=3.0)
    gated = []
    for times in ([0.74, 0.76], [0.76, 0.74], [0.1, 0.75], [0.9, 1.0]):  # σ/α = t/(1 − t) ≤ 3: t ≤ 0.75
        output.__dict__["refined"] = Refined(latent, time=torch.tensor(times))
        gated.append(term(output))
    first, second, all_, none = gated
    torch.testing.assert_close(first + second, both)
    torch.testing.assert_close(all_, both)
    assert first > 0 and second > 0 and none == 0 and term.noted["gated"] == 0
    output.__dict__["refined"] = Refined(latent)
    with pytest.raises(ValueError, match="threshold: the refiner is a function"):
        term(output)


def test_a_gradient_through_the_statistics_pushes_the_variance_up(rng):
    target = torch.randn(1, 1, 32, 32, generator=rng)
    pulls = {}
    for through in (False, True):
        size = torch.tensor(0.5, requires_grad=True)
        kept = torch.ones_like(target, dtype=torch.bool)
        standardised_distances(size * target, target, kept, True, 0.0, through).sum().backward()
        pulls[through] = -size.grad.item()
    # (s − 1)²·var/(s²·var): detached −2(s − 1)/s², through it −2(s − 1)/s³
    assert pulls[False] == pytest.approx(4, rel=1e-3) and pulls[True] == pytest.approx(8, rel=1e-3)


def test_the_form_with_the_channels_norm(rng):
    target = torch.randn(2, 5, 8, 8, generator=rng)
    kept = torch.rand(2, 5, 8, 8, generator=rng) > 0.2
    estimate = target + 0.1 * torch.randn(2, 5, 8, 8, generator=rng)
    norm = (target * kept).square().sum(1, keepdim=True).sqrt()
    squared = (((estimate - target) / norm) ** 2 * kept).sum((2, 3)) / kept.sum((2, 3))
    found = normalised_distances(estimate, target, kept)
    torch.testing.assert_close(found, squared.mean(1), rtol=1e-4, atol=0)
    torch.testing.assert_close(normalised_distances(9 * estimate, 9 * target, kept), found)
    nothing = torch.zeros_like(kept)
    assert normalised_distances(estimate, target, nothing).tolist() == [0, 0]  # not 0/0


def test_variance_ratio_of_a_smooth_estimate():
    output = make_output()
    smooth = output.target_latent.mean(dim=(2, 3), keepdim=True).expand_as(output.target_latent)
    output.__dict__["refined"] = Refined(0.5 * output.target_latent + 0.5 * smooth)
    term = LatentPerceptual(blocks=[0], channel_norm=True)
    assert term(output) > 0 and 0 < term.noted["variance_0"] < 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"blocks": []}, "blocks must be ascending numbers from 0 on"),
        ({"blocks": [1, 0]}, "blocks must be ascending"),
        ({"blocks": [-1]}, "blocks must be ascending"),
        ({"blocks": [0, 1], "block_weights": [1]}, "block_weights must have one number per block, 2, got 1"),
        ({"blocks": [0], "block_weights": [-1]}, r"block_weights\[0\] must be finite and at least 0"),
        ({"blocks": [0], "deviation_floor": -1}, "deviation_floor must be finite"),
        ({"blocks": [0], "threshold": 0}, r"threshold must be positive \(or null: no gate\), got 0"),
        ({"blocks": [0], "statistics_gradient": True}, "statistics_gradient: the target's have none"),
        ({"blocks": [0], "channel_norm": True, "estimate_statistics": True}, "channel_norm: it takes"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LatentPerceptual(**arguments)


def test_a_block_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"blocks must be in 0\.\.2, the decoder's, got \[1, 3\]"):
        LatentPerceptual(blocks=[1, 3])(make_output())


def test_small_latents_are_refused():
    with pytest.raises(ValueError, match="latent must be at least 8×8 for LPL, got 7×7"):
        LatentPerceptual(blocks=[0])(make_output(size=56))


def test_a_decoder_that_trains_is_refused():
    output = make_output()
    output.model.decoder.train()
    with pytest.raises(ValueError, match="decoder must be frozen"):
        LatentPerceptual(blocks=[0])(output)
