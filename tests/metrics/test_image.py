import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from latent_inpaint.metrics.image import PSNR_LIMIT, batch_metrics, l1_hole, psnr, ssim


@pytest.fixture
def pair():
    torch.manual_seed(0)
    target = torch.rand(3, 3, 40, 32)
    return (target + 0.1 * torch.randn_like(target)).clamp(0, 1), target


def test_ssim_is_skimages_with_the_papers_window_and_mirrored_borders(pair):
    prediction, target = pair

    def mirrored(image):  # skimage leaves out a border of half a window
        return np.pad(image.permute(1, 2, 0).numpy(), ((5, 5), (5, 5), (0, 0)), mode="reflect")

    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(mirrored(p), mirrored(t), channel_axis=-1, data_range=1.0, **window)
        for p, t in zip(prediction, target)
    ]
    np.testing.assert_allclose(ssim(prediction, target), expected, atol=1e-5)
    assert ssim(target, target).tolist() == [1.0, 1.0, 1.0]
    with torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_allclose(ssim(prediction, target), expected, atol=1e-5)


def test_psnr_of_a_constant_error_is_the_formulas():
    target = torch.full((1, 3, 16, 16), 0.5)
    assert psnr(target + 0.1, target).item() == pytest.approx(20.0, abs=1e-4)
    assert psnr(target, target).item() == PSNR_LIMIT


def test_l1_looks_at_the_hole_only_and_counts_channels_and_pixels():
    target = torch.zeros(2, 3, 8, 8)
    mask = torch.zeros(2, 1, 8, 8)
    mask[0, :, :2] = 1
    prediction = torch.full_like(target, 0.9)  # wrong outside the hole, which must not count
    prediction[0, 0, :2], prediction[0, 1, :2], prediction[0, 2, :2] = 0.3, 0.0, 0.6
    value = l1_hole(prediction, target, mask)
    assert value[0].item() == pytest.approx(0.3)
    assert math.isnan(value[1].item())


def test_batch_metrics_are_means_and_leave_out_pictures_without_a_hole(pair):
    prediction, target = pair
    mask = torch.zeros(3, 1, 40, 32)
    mask[:2, :, :10] = 1
    metrics = batch_metrics(prediction, target, mask)
    assert metrics["ssim"] == ssim(prediction, target).mean()
    assert metrics["psnr"] == psnr(prediction, target).mean()
    assert metrics["l1_hole"].item() == pytest.approx(l1_hole(prediction, target, mask)[:2].mean().item())


@pytest.mark.parametrize("shape", [(2, 3, 40, 57), (1, 3, 11, 12)])
def test_ssim_is_torchmetrics_own(shape):
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.rand(shape, generator=generator) for _ in range(2))
    target = 0.9 * target + 0.1 * prediction
    theirs = structural_similarity_index_measure(prediction, target, data_range=1.0, reduction="none")
    torch.testing.assert_close(ssim(prediction, target), theirs, rtol=0, atol=1e-5)
