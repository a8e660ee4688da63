from types import SimpleNamespace

import pytest
import torch


class LossTester:
    """What every loss must do. `function` takes (estimate, target) and returns a scalar."""

    def check(self, function, estimate, target):
        self.check_gradient(function, estimate, target)
        self.check_zero_at_identity(function, target)
        self.check_dtype(function, estimate, target)
        self.check_shapes_are_compared(function, estimate, target)

    def check_gradient(self, function, estimate, target):
        estimate = estimate.double().requires_grad_()
        assert torch.autograd.gradcheck(lambda x: function(x, target.double()), (estimate,))

    def check_zero_at_identity(self, function, target):
        value = function(target, target)
        assert value.shape == ()
        assert value == 0

    def check_dtype(self, function, estimate, target):
        value = function(estimate.float(), target.float())
        assert value.dtype == torch.float32
        assert value > 0
        in_double = function(estimate.double(), target.double())
        assert in_double.dtype == torch.float64
        torch.testing.assert_close(value.double(), in_double, rtol=1e-4, atol=1e-6)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            in_half = function(estimate.bfloat16(), target.float())
        assert in_half.dtype == torch.float32
        torch.testing.assert_close(in_half, value, rtol=0.1, atol=0.02)

    def check_shapes_are_compared(self, function, estimate, target):
        with pytest.raises(ValueError, match="must have one shape"):
            function(estimate, target[..., :1])

    def check_weight_of_the_hole(self, function, estimate, target, hole, known_weight, hole_weight):
        """The gradient of a pixel-wise loss in and outside the hole is as the two weights say."""
        estimate = estimate.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(estimate, target, hole), estimate)
        size = gradient.abs() * gradient.numel()
        in_hole = hole.expand_as(size) > 0
        torch.testing.assert_close(size[in_hole], torch.full_like(size[in_hole], hole_weight))
        torch.testing.assert_close(size[~in_hole], torch.full_like(size[~in_hole], known_weight))


@pytest.fixture
def loss_tester():
    return LossTester()


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def output(rng):
    """A stand-in for InpaintingOutputs with only the parts that simple terms ask for."""
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, 2:5, 1:7] = 1
    outputs = SimpleNamespace(
        image=torch.rand(2, 3, 8, 8, generator=rng),
        mask=mask,
        prediction=torch.rand(2, 3, 8, 8, generator=rng),
        latent=torch.randn(2, 5, 4, 4, generator=rng),
        target_latent=torch.randn(2, 5, 4, 4, generator=rng),
    )
    outputs.real = lambda space: space.real(outputs)
    outputs.fake = lambda space: space.fake(outputs)
    return outputs
