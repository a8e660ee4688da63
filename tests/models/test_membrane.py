"""Push–pull and the membrane."""

import pytest
import torch

from latent_inpaint.models.membrane import push_pull, with_membrane


@pytest.fixture
def hole():
    mask = torch.zeros(2, 1, 40, 56)
    mask[0, :, 8:30, 10:40] = 1
    mask[1, :, :, 20:33] = 1
    return mask


def test_known_values_stay_and_a_constant_goes_on(hole):
    values = torch.rand(2, 3, 40, 56)
    extended = push_pull(values, 1 - hole)
    known = (hole == 0).expand_as(values)
    assert torch.equal(extended[known], values[known])
    flat = torch.rand(2, 3, 1, 1).expand_as(values)
    torch.testing.assert_close(push_pull(torch.where(known, flat, torch.nan), 1 - hole), flat)


def test_the_extension_stays_between_the_known_values_and_joins_them(hole):
    ramp = torch.linspace(0, 1, 56).expand(2, 1, 40, 56)
    extended = push_pull(ramp, 1 - hole)
    assert extended.min() >= 0 and extended.max() <= 1
    assert (extended - ramp).abs().max() < 0.25  # half a hole's width of the ramp would be 0.27
    steps = extended.diff(dim=3).abs().max()
    assert steps < 0.15


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (33, 64)])
def test_any_size_and_nothing_known(size):
    values = torch.rand(1, 2, *size)
    assert torch.equal(push_pull(values, torch.ones(1, 1, *size)), values)
    assert (push_pull(values, torch.zeros(1, 1, *size)) == 0).all()
    one = torch.zeros(1, 1, *size)
    one[..., -1, -1] = 1
    torch.testing.assert_close(push_pull(values, one), values[..., -1:, -1:].expand_as(values))


def test_it_is_linear_and_differentiable(hole):
    values = torch.rand(2, 3, 40, 56, dtype=torch.float64, requires_grad=True)
    extended = push_pull(values, 1 - hole.double())
    extended.sum().backward()
    assert (values.grad[(hole > 0).expand_as(values)] == 0).all()
    # the weights of the known values sum to 1 at each position
    torch.testing.assert_close(values.grad.sum(), torch.tensor(2.0 * 3 * 40 * 56, dtype=torch.float64))


def test_the_membrane_takes_away_a_shade_and_a_slope(hole):
    image = torch.rand(2, 3, 40, 56) * 0.2 + 0.4
    slope = torch.linspace(-0.1, 0.1, 56).expand(2, 3, 40, 56)
    inside = (hole > 0).expand_as(image)
    fixed = with_membrane(image, hole, image + 0.15)
    torch.testing.assert_close(fixed, image, atol=1e-6, rtol=0)
    fixed = with_membrane(torch.where(inside, torch.nan, image), hole, image + slope)
    assert torch.equal(fixed[~inside], image[~inside])
    assert (fixed - image)[inside].abs().mean() < 0.5 * slope.expand_as(image)[inside].abs().mean()


def test_a_right_prediction_and_an_all_hole_mask_are_left_alone(hole):
    image = torch.rand(2, 3, 40, 56)
    torch.testing.assert_close(with_membrane(image, hole, image), image)
    prediction = torch.rand_like(image)
    assert torch.equal(with_membrane(image, torch.ones_like(hole), prediction), prediction)


def test_shapes_are_checked(hole):
    with pytest.raises(ValueError, match=r"known must have the shape \[2, 1, 40, 56\] of its values"):
        push_pull(torch.rand(2, 3, 40, 56), hole[:1])
    with pytest.raises(ValueError, match="known must have the shape"):
        push_pull(torch.rand(3, 40, 56), hole)
