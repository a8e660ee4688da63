import torch

from latent_inpaint.losses.latent_l1 import LatentL1, latent_l1


def test_latent_l1_is_a_sound_loss(loss_tester, output):
    loss_tester.check(latent_l1, output.latent, output.target_latent)


def test_term_compares_all_channels_of_the_latents(output):
    expected = (output.latent - output.target_latent).abs().mean()
    torch.testing.assert_close(LatentL1(weight=3)(output), expected)
