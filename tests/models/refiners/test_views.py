"""What denoisers see of the condition: everything, or what latent diffusion's inpainting shows."""

import pytest
import torch

from latent_inpaint.models.denoisers import UNetDenoiser
from latent_inpaint.models.latent_statistics import LatentStatistics
from latent_inpaint.models.refiners import Condition, DiffusionRefiner, ExactView, LDMView, condition_channels
from latent_inpaint.models.storage import load_model, save_model


def seen(view, keep=True):
    mask = torch.zeros(1, 1, 8, 12)
    mask[..., 0, 4] = 1  # the corner of a position
    mask[..., 6, 6] = 1  # inside of one: nearest neighbour does not see it
    hole = torch.nn.functional.max_pool2d(mask, 4)
    latent = torch.full((1, 2, 2, 3), 5.0)
    return mask, view(Condition(latent, hole, mask), None, torch.tensor([keep]), LatentStatistics(2))


def test_the_exact_view_loses_nothing():
    mask, channels = seen(ExactView())
    assert channels.shape[1] == ExactView().channels(2, 4, False) == condition_channels(2, 4)
    assert torch.equal(torch.nn.functional.pixel_shuffle(channels[:, 3:], 4), mask)


def test_latent_diffusions_mask_is_of_one_corner_pixel_and_of_minus_one_and_one():
    _, channels = seen(LDMView())
    assert channels.shape[1] == LDMView().channels(2, 4, False) == 3
    assert channels[:, 2].tolist() == [[[-1, 1, -1], [-1, -1, -1]]]
    assert (channels[:, :2] == 5).all()
    _, without = seen(LDMView(), keep=False)
    assert (without[:, :2] == 0).all() and (without[:, 2] == 1).all()


def test_the_view_is_saved_with_the_model(tmp_path):
    refiner = DiffusionRefiner(UNetDenoiser(2, 3, widths=(8,), heads=0), down_factor=4, view=LDMView())
    assert load_model(save_model(refiner, tmp_path)).view == LDMView()
    with pytest.raises(ValueError, match=r"condition_channels must be 3, what LDMView shows, or 0, got 19"):
        DiffusionRefiner(UNetDenoiser(2, 19, widths=(8,), heads=0), down_factor=4, view=LDMView())
