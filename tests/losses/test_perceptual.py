import torch
from torch import nn

from latent_inpaint.losses import Objective
from latent_inpaint.losses.perceptual import Perceptual, perceptual_loss
from latent_inpaint.models.backbones import Lite0Features


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, image):
        x = self.conv(image)
        return [x, self.norm(x)]


def test_perceptual_loss_is_a_sound_loss(loss_tester, output):
    loss_tester.check(
        lambda x, y: perceptual_loss([x, 3 * x], [y, 3 * y]), output.latent, output.target_latent
    )


def test_maps_are_summed():
    zero, one = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert perceptual_loss([one, 2 * one], [zero, zero]) == 5


def test_relative_loss_does_not_see_a_maps_scale(loss_tester, output):
    def loss(x, y):
        return perceptual_loss([x, 100 * x], [y, 100 * y], relative=True)

    estimate, target = output.latent, output.target_latent
    loss_tester.check(loss, estimate, target)
    expected = 2 * (estimate - target).square().mean() / target.var()
    torch.testing.assert_close(loss(estimate, target), expected)
    assert torch.isfinite(perceptual_loss([estimate], [torch.zeros_like(target)], relative=True))


def test_term_compares_prediction_and_picture_and_leaves_the_network_alone(output):
    backbone = Backbone()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    term = Perceptual(backbone, weight=30).train()
    output.prediction.requires_grad_()
    value = term(output)
    torch.testing.assert_close(value, perceptual_loss(backbone(output.prediction), backbone(output.image)))
    value.backward()
    assert output.prediction.grad.abs().sum() > 0
    assert all(p.grad is None for p in backbone.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())


def test_network_is_no_parameter_and_in_no_checkpoint_yet_moves_along():
    backbone = Backbone()
    objective = Objective({"perceptual": Perceptual(backbone)})
    assert not list(objective.parameters())
    assert not objective.state_dict()
    assert "Backbone" in repr(objective)
    objective.double()
    assert backbone.conv.weight.dtype == torch.float64


def test_lite0_serves_as_backbone(output):
    output.image = torch.rand(2, 3, 64, 64)
    output.prediction = torch.rand(2, 3, 64, 64, requires_grad=True)
    value = Perceptual(Lite0Features(), relative=True)(output)
    value.backward()
    assert 0.1 < value < 20
    assert output.prediction.grad.abs().sum() > 0
