import pytest
import torch

from latent_inpaint.losses import LossTerm, Objective, Shared


class Constant(LossTerm):
    """A learnable number times a factor."""

    def __init__(self, value, weight=1.0):
        super().__init__(weight)
        self.value = torch.nn.Parameter(torch.tensor(float(value)))

    def forward(self, outputs):
        self.noted = {"twice": 2 * self.value.detach()}
        return self.value * 1.0


def test_a_term_is_the_share_that_was_asked_for_from_the_first_step_on():
    objective = Objective({"main": Constant(0.03, weight=2), "lpl": Shared(Constant(7), share=0.2)})
    for _ in range(3):
        total, logged = objective(None)
        assert logged["lpl_share"] == pytest.approx(0.2, rel=1e-5)
        assert total.item() == pytest.approx(0.06 / 0.8, rel=1e-5)
    assert logged["lpl"] == 7 and logged["lpl_twice"] == 14
    total.backward()
    assert objective.terms["lpl"].term.value.grad.item() == pytest.approx(0.06 / 0.8 * 0.2 / 7, rel=1e-4)


def test_several_shares_are_of_one_sum():
    objective = Objective({"a": Constant(1), "b": Shared(Constant(5), 0.3), "c": Shared(Constant(0.1), 0.2)})
    total, logged = objective(None)
    assert total.item() == pytest.approx(2) and logged["c_share"] == pytest.approx(0.2)


def test_the_weight_follows_a_running_mean_that_validation_leaves_alone():
    main, lpl = Constant(1), Constant(1)
    objective = Objective({"main": main, "lpl": Shared(lpl, share=0.5, decay=0.5)})
    objective(None)
    with torch.no_grad():
        lpl.value.fill_(3.0)
    objective.eval()
    assert objective(None)[1]["lpl_weight"] == pytest.approx(1)
    objective.train()  # own: 0.5·0.5 + 0.5·3 = 1.75, others: 0.75
    assert objective(None)[1]["lpl_weight"] == pytest.approx(0.75 / 1.75)
    assert {"terms.lpl.own", "terms.lpl.others"} <= set(objective.state_dict())


def test_a_term_without_a_value_yet_weighs_nothing():
    total, logged = Objective({"main": Constant(1), "lpl": Shared(Constant(0))})(None)
    assert total == 1 and logged["lpl_weight"] == 0 and logged["lpl_share"] == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shared(Constant(1), share=1.0), "share must be between 0 and 1, got 1.0"),
        (lambda: Shared(Constant(1), share=0), "share must be between 0 and 1, got 0"),
        (lambda: Shared(Constant(1), decay=1.0), r"decay must be in \[0, 1\), got 1.0"),
        (lambda: Objective({"lpl": Shared(Constant(1))}), "shares must leave something for a term with a w"),
        (
            lambda: Objective({"a": Constant(1), **{x: Shared(Constant(1), 0.6) for x in "bc"}}),
            r"shares must leave something .*\[0.6, 0.6\]",
        ),
    ],
)
def test_bad_shares_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
