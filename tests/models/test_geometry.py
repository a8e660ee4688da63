import pytest
import torch

from latent_inpaint.models import Encoder
from latent_inpaint.models.geometry import hole_at_latent


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
    receptive_field = encoder.receptive_field
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


def test_an_encoder_that_sees_everything_gets_its_own_pixels_and_the_neighbours():
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 33, 39] = 1
    expected = torch.zeros(1, 1, 8, 8)
    expected[..., 3:6, 3:6] = 1
    torch.testing.assert_close(hole_at_latent(hole, (8, 8), None), expected)
    assert hole_at_latent(hole, (8, 8), None, share=True).sum() == pytest.approx(1)


def test_where_the_map_is_0_the_masked_latent_is_the_true_one():
    encoder = Encoder(2).eval()
    torch.manual_seed(0)
    image, mask = torch.rand(2, 3, 64, 64), torch.zeros(2, 1, 64, 64)
    mask[..., 20:31, 35:41] = 1
    with torch.no_grad():
        true, masked = encoder(image), encoder(image * (1 - mask))
    exact = (hole_at_latent(mask, (8, 8), encoder.receptive_field) == 0).expand_as(true)
    assert exact.any() and torch.equal(true[exact], masked[exact])
    assert not torch.equal(true, masked)
