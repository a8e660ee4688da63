import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from latent_inpaint.importers.lama_discriminator import load_discriminator
from latent_inpaint.losses import Objective
from latent_inpaint.losses.adversarial import Adversary, discriminator_loss, generator_loss, r1_penalty
from latent_inpaint.losses.feature_matching import feature_matching_loss
from latent_inpaint.losses.pixel_l1 import pixel_l1
from latent_inpaint.models.discriminators.patch import PatchDiscriminator
from latent_inpaint.models.refiners.base import Condition, FunctionRefiner
from latent_inpaint.spaces import Latents, Pixels
from latent_inpaint.training.outputs import InpaintingOutputs

FIXTURE = Path(__file__).parents[1] / "fixtures" / "lama_adversarial.safetensors"


class Reference:
    def __init__(self):
        tensors = load_file(FIXTURE)
        self.values = {key: tensor for key, tensor in tensors.items() if not key.startswith("weights.")}
        weights = {key.removeprefix("weights."): tensor for key, tensor in tensors.items()}
        self.discriminator = load_discriminator(weights)
        self.real = self.values["real"].requires_grad_()
        self.real_logits, self.real_features = self.discriminator(self.real)
        self.fake_logits, self.fake_features = self.discriminator(self.values["fake"])

    def compare(self, key, value):
        torch.testing.assert_close(value.reshape(1), self.values[key], rtol=0, atol=1e-5)


class Given:
    """Outputs whose pictures are given."""

    def __init__(self, image, prediction, mask):
        self.image, self.prediction, self.mask = image, prediction, mask
        self.cache = {}

    def kept(self, key, compute):
        if key not in self.cache:
            self.cache[key] = compute()
        return self.cache[key]

    def real(self, space):
        return space.real(self)

    def fake(self, space):
        return space.fake(self)


@pytest.fixture(scope="module")
def reference():
    return Reference()


def test_generator_loss_equals_lama(reference):
    reference.compare("generator_adversarial", 10 * generator_loss(reference.fake_logits))


def test_feature_matching_equals_lama(reference):
    reference.compare(
        "feature_matching", feature_matching_loss(reference.fake_features, reference.real_features)
    )


def test_r1_penalty_equals_lama(reference):
    reference.compare("r1_penalty_scaled", 0.001 * r1_penalty(reference.real_logits, reference.real))


def test_discriminator_loss_equals_lama(reference):
    loss = discriminator_loss(reference.real_logits, reference.fake_logits, reference.values["mask"])
    penalty = r1_penalty(reference.real_logits, reference.real)
    reference.compare("discriminator_loss", loss + 0.001 * penalty)


def test_the_adversarys_side_equals_lama(reference):
    """Its objective in a step, on a true and a generated picture given."""
    values = reference.values
    adversary = Adversary(Pixels(), reference.discriminator, torch.optim.Adam, r1_weight=0.001)
    outputs = Given(values["real"], values["fake"], values["mask"])
    total, parts = Objective(adversary.discriminator_terms)(outputs)
    reference.compare("discriminator_loss", total)
    reference.compare("r1_penalty_scaled", 0.001 * parts["r1"])
    torch.testing.assert_close(total, parts["discriminator"] + 0.001 * parts["r1"])
    total.backward()
    assert all(p.grad is not None for p in reference.discriminator.parameters())


def test_r1_penalty_of_several_maps_is_their_sum(rng):
    one, other = torch.rand(2, 2, 3, 4, 4, generator=rng, dtype=torch.float64).requires_grad_()
    logits = 2 * one.sum(1, keepdim=True) + other.square().sum(1, keepdim=True)
    expected = 4 * one[0].numel() + 4 * other.square().flatten(1).sum(1).mean()
    torch.testing.assert_close(r1_penalty(logits, one, other), expected)


def test_pixel_l1_equals_lama(reference):
    values = reference.values
    reference.compare("l1_known10_missing0", pixel_l1(values["fake"], values["real"], values["mask"], 10, 0))


def test_undecided_logits_cost_log_2():
    logits = torch.zeros(2, 1, 3, 3)
    assert generator_loss(logits).item() == pytest.approx(math.log(2))
    assert discriminator_loss(logits, logits, torch.ones(2, 1, 9, 9)).item() == pytest.approx(2 * math.log(2))


def test_only_the_hole_counts_as_fake(rng):
    fake = torch.randn(2, 1, 4, 4, generator=rng, requires_grad=True)
    hole = torch.zeros(2, 1, 16, 16)
    hole[..., :8] = 1
    (gradient,) = torch.autograd.grad(discriminator_loss(torch.zeros_like(fake), fake, hole), fake)
    assert (gradient[..., :2] > 0).all()
    assert (gradient[..., 2:] < 0).all()


def test_losses_have_sound_gradients(loss_tester, rng):
    real, fake = (torch.randn(2, 1, 4, 4, generator=rng) for _ in range(2))
    hole = (torch.rand(2, 1, 4, 4, generator=rng) > 0.5).double()
    loss_tester.check_gradient(lambda x, _: generator_loss(x), fake, real)
    loss_tester.check_gradient(lambda x, y: discriminator_loss(y, x, hole), fake, real)
    loss_tester.check_gradient(lambda x, y: discriminator_loss(x, y, hole), real, fake)


def test_feature_matching_is_a_sound_loss(loss_tester, output):
    loss_tester.check(
        lambda x, y: feature_matching_loss([x, 2 * x], [y, 2 * y]),
        output.latent,
        output.image[:, :1, :4, :4].expand(2, 5, 4, 4),
    )


def test_half_precision_logits_are_summed_in_float32(rng):
    logits = torch.randn(2, 1, 4, 4, generator=rng).bfloat16()
    assert generator_loss(logits).dtype == torch.float32
    assert discriminator_loss(logits, logits, torch.ones(2, 1, 4, 4)).dtype == torch.float32


def test_r1_penalty_of_a_linear_discriminator_is_its_squared_norm(rng):
    weights = torch.randn(1, 5, 4, 4, generator=rng)
    latents = torch.randn(3, 5, 4, 4, generator=rng, requires_grad=True)
    logits = functional.conv2d(latents, weights)
    torch.testing.assert_close(r1_penalty(logits, latents), weights.square().sum())


def test_r1_penalty_can_be_trained_on(loss_tester, rng):
    image = torch.randn(2, 2, 4, 4, generator=rng).double()
    kernel = torch.randn(1, 2, 3, 3, generator=rng)

    def penalty(weights, _):
        seen = image.clone().requires_grad_()
        return r1_penalty(functional.softplus(functional.conv2d(seen, weights)), seen)

    loss_tester.check_gradient(penalty, kernel, kernel)


def test_bad_arguments_are_refused(rng):
    logits = torch.zeros(2, 1, 3, 3)
    with pytest.raises(ValueError, match="real_logits and fake_logits must have one shape"):
        discriminator_loss(logits, logits[..., 1:], torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match=r"hole must have the shape \[2, 1, H, W\], got \[2, 3, 8, 8\]"):
        discriminator_loss(logits, logits, torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match="real_images must require gradients"):
        r1_penalty(logits, torch.zeros(2, 3, 8, 8))
    for argument in ("weight", "feature_matching", "r1_weight"):
        with pytest.raises(ValueError, match=f"{argument} must be finite"):
            Adversary(Latents(), torch.nn.Identity(), torch.optim.Adam, **{argument: -1})
    with pytest.raises(ValueError, match="must not both be 0"):
        Adversary(Latents(), torch.nn.Identity(), torch.optim.Adam, weight=0)
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        Adversary(Latents(), torch.nn.Identity(), torch.optim.Adam, r1_every=0)
    with pytest.raises(ValueError, match="at least one, got 0 and 0"):
        feature_matching_loss([], [])
    with pytest.raises(ValueError, match="got 1 and 2"):
        feature_matching_loss([logits], [logits, logits])
    with pytest.raises(ValueError, match=r"features\[0\] and target_features\[0\] must have one shape"):
        feature_matching_loss([logits], [logits[:1]])


class Scaled(FunctionRefiner):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, latent):
        return self.scale * latent


class Model:
    """A model whose decoder tells whether it was run."""

    down_factor = 8

    def __init__(self):
        self.decoded = 0
        self.refiner = Scaled()

    def encode(self, image):
        return functional.avg_pool2d(image, 8)

    def encode_masked(self, image, mask):
        return functional.avg_pool2d(image * (1 - mask), 8)

    def condition(self, latent, mask):
        return Condition(latent)

    def decode(self, latent):
        self.decoded += 1
        return functional.interpolate(latent, scale_factor=8)


def judged(rng, space, **weights):
    image = torch.rand(2, 3, 64, 64, generator=rng)
    mask = (torch.rand(2, 1, 64, 64, generator=rng) > 0.5).float()
    discriminator = PatchDiscriminator(3, width=4, n_layers=2, kernel_size=3, n_strided=1)
    adversary = Adversary(space, discriminator, torch.optim.Adam, **weights)
    return adversary, InpaintingOutputs(Model(), image, mask)


@pytest.mark.parametrize(("space", "decodings"), [(Pixels(), 1), (Latents(), 0)])
def test_an_adversary_works_on_pictures_and_on_latents(rng, space, decodings):
    adversary, outputs = judged(rng, space, weight=10, feature_matching=100, r1_weight=0.001)
    Objective(adversary.terms)(outputs)[0].backward()
    assert outputs.model.refiner.scale.grad.abs() > 0
    assert outputs.model.decoded == decodings
    assert not any(feature.requires_grad for feature in adversary.real_features(outputs))
    total, _ = Objective(adversary.discriminator_terms)(outputs)
    assert torch.isfinite(total)


def test_the_discriminators_objective_leaves_the_network_alone(rng):
    adversary, outputs = judged(rng, Latents())
    total, parts = Objective(adversary.discriminator_terms)(outputs)
    total.backward()
    assert list(parts) == ["discriminator"]
    assert outputs.model.refiner.scale.grad is None
    assert adversary.discriminator.layers[0][0].weight.grad.abs().sum() > 0


def test_a_lazy_penalty_counts_as_often_as_it_is_left_out(rng):
    adversary, outputs = judged(rng, Latents(), r1_weight=2.0, r1_every=4)
    objective = Objective(adversary.discriminator_terms)
    _, without = objective(outputs, step=3)
    total, parts = objective(outputs, step=4)
    assert list(without) == ["discriminator"]
    torch.testing.assert_close(total, parts["discriminator"] + 4 * 2.0 * parts["r1"])


def test_a_discriminator_sees_what_the_network_made_once(rng):
    adversary, outputs = judged(rng, Latents(), weight=1, feature_matching=1)
    calls = []
    adversary.discriminator.register_forward_hook(lambda *_: calls.append(1))
    Objective(adversary.terms)(outputs)
    assert len(calls) == 2  # the fake, for both terms, and the real


def test_all_of_the_work_is_fake_where_asked():
    """A logit of the whole picture: what the mask says of one of its corners does not matter."""

    class Outputs:
        image, mask = torch.ones(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)

        def fake(self, space):
            return (torch.zeros(1, 3, 8, 8),)

        real = fake

        def kept(self, key, compute):
            return compute()

    class One(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=(1, 2, 3), keepdim=True)[:, :1] + 2, []

    values = []
    for only_hole in (True, False):
        adversary = Adversary(Pixels(), One(), torch.optim.Adam, only_hole=only_hole)
        values.append(adversary.discriminator_terms["discriminator"](Outputs()).item())
    soft = torch.nn.functional.softplus(torch.tensor([-2.0, 2.0])).tolist()
    assert values == pytest.approx([2 * soft[0], soft[0] + soft[1]])
