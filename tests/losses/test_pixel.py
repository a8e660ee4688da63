import pytest
import torch

from latent_inpaint.losses import PixelL1, PixelMSE, pixel_mse
from latent_inpaint.losses.pixel_l1 import pixel_l1


def test_pixel_l1_is_a_sound_loss(loss_tester, output):
    hole = output.mask
    loss_tester.check(lambda x, y: pixel_l1(x, y, hole.to(x.dtype)), output.prediction, output.image)


def test_pixel_mse_is_a_sound_loss(loss_tester, output):
    loss_tester.check(pixel_mse, output.prediction, output.image)


def test_pixel_l1_weighs_hole_and_known_region(loss_tester, output):
    def loss(x, y, hole):
        return pixel_l1(x, y, hole, known_weight=10, hole_weight=0.5)

    loss_tester.check_weight_of_the_hole(loss, output.prediction, output.image, output.mask, 10.0, 0.5)


def test_terms_compare_the_prediction_with_the_picture(output):
    difference = output.prediction - output.image
    torch.testing.assert_close(PixelL1()(output), difference.abs().mean())
    torch.testing.assert_close(PixelMSE()(output), difference.square().mean())
    only_hole = PixelL1(known_weight=0, hole_weight=2)(output)
    torch.testing.assert_close(only_hole, 2 * (difference.abs() * output.mask).mean())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -1}, "weight must be finite and at least 0, got -1"),
        ({"weight": float("nan")}, "weight must be finite"),
        ({"known_weight": float("inf")}, "known_weight must be finite"),
        ({"hole_weight": -0.5}, "hole_weight must be finite"),
        ({"known_weight": 0, "hole_weight": 0}, "must not both be 0"),
    ],
)
def test_bad_weights_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PixelL1(**arguments)


def test_hole_of_another_size_is_refused(output):
    with pytest.raises(ValueError, match=r"hole must have the shape \[2, 1, 8, 8\], got \[2, 1, 4, 4\]"):
        pixel_l1(output.prediction, output.image, output.mask[..., ::2, ::2])
