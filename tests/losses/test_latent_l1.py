import torch

from latent_inpaint.losses.hole_weights import HoleWeights
from latent_inpaint.losses.latent_l1 import LatentL1, latent_l1
from latent_inpaint.models.geometry import hole_at_latent


def test_latent_l1_is_a_sound_loss(loss_tester, output):
    loss_tester.check(latent_l1, output.latent, output.target_latent)


def test_term_compares_all_channels_of_the_latents(output):
    expected = (output.latent - output.target_latent).abs().mean()
    torch.testing.assert_close(LatentL1(weight=3)(output), expected)


def test_latent_l1_weighs_hole_and_known_region(loss_tester, rng):
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., :16, :] = 1
    weights = HoleWeights(hole_weight=6.0, known_weight=0.5, receptive_field=1)

    def loss(x, y, hole):
        return latent_l1(x, y, position_weights=weights(mask, (4, 4)))

    estimate, target = (torch.randn(2, 5, 4, 4, generator=rng) for _ in range(2))
    hole = hole_at_latent(mask, (4, 4), 1)
    loss_tester.check_weight_of_the_hole(loss, estimate, target, hole, known_weight=0.5, hole_weight=6.0)
