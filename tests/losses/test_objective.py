import pytest
import torch

from latent_inpaint.losses import (
    LatentL1,
    LossTerm,
    NonFiniteLossError,
    Objective,
    PixelL1,
    PixelMSE,
)
from latent_inpaint.losses.objective import check_finite


class Explodes(LossTerm):
    def forward(self, output):
        return torch.tensor(float("nan"))


def test_total_is_the_weighted_sum_and_the_parts_are_unweighted(output):
    output.prediction.requires_grad_()
    objective = Objective({"pixels": PixelL1(weight=3), "latent": LatentL1(weight=1e-4)})
    total, values = objective(output)
    assert list(values) == ["pixels", "latent"]
    torch.testing.assert_close(values["pixels"], PixelL1()(output).detach())
    torch.testing.assert_close(total, 3 * values["pixels"] + 1e-4 * values["latent"])
    assert total.requires_grad
    assert not values["pixels"].requires_grad


def test_terms_of_no_weight_are_not_computed(output):
    total, values = Objective({"off": Explodes(weight=0), "gone": None, "on": PixelMSE()})(output)
    assert list(values) == ["on"]
    assert total == values["on"]


@pytest.mark.parametrize("terms", [{}, {"off": LatentL1(weight=0)}, {"gone": None}])
def test_objective_without_a_term_is_refused(terms):
    with pytest.raises(ValueError, match="an objective needs a term of positive weight"):
        Objective(terms)


def test_what_is_no_term_is_refused():
    with pytest.raises(ValueError, match="losses.loss: expected a LossTerm or null, got MSELoss"):
        Objective({"loss": torch.nn.MSELoss()})


def test_a_term_that_cannot_be_computed_is_named(output):
    output.target_latent = output.target_latent[..., :1]
    with pytest.raises(ValueError, match=r"losses\.fine: latent and target must have one shape"):
        Objective({"fine": LatentL1()})(output)


def test_non_finite_term_is_named(output):
    with pytest.raises(NonFiniteLossError, match="loss term 'bad' is nan") as caught:
        check_finite(Objective({"fine": LatentL1(), "bad": Explodes()})(output)[1])
    assert caught.value.term == "bad"


def test_a_term_counts_only_every_so_many_steps(output):
    objective = Objective({"always": LatentL1(), "rarely": PixelMSE(weight=2, every=3)})
    assert list(objective(output, step=4)[1]) == ["always"]
    total, values = objective(output, step=6)
    torch.testing.assert_close(total, values["always"] + 6 * values["rarely"])
    with pytest.raises(ValueError, match="losses: no term is due at step 1"):
        Objective({"rarely": PixelMSE(every=3)})(output, step=1)


def test_bare_term_says_that_it_computes_nothing(output):
    with pytest.raises(NotImplementedError):
        LossTerm()(output)
