"""Several fills of a picture: diversity, the mean, the chosen one; they depend on seed and name alone."""

import json

import pytest
import torch

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.gallery import Gallery
from latent_inpaint.evaluation.methods import GreyFill, MeanFill
from latent_inpaint.evaluation.pictures import picture_values
from latent_inpaint.evaluation.reporting import shown_pictures
from latent_inpaint.evaluation.runner import evaluate, predict
from latent_inpaint.evaluation.tables import markdown_rows
from latent_inpaint.metrics.samples import SAMPLE_COLUMNS
from latent_inpaint.metrics.suite import MetricSuite
from latent_inpaint.models.choosing import best_of, seams, strangeness


class Coin(GreyFill):
    """Grey of a level that is drawn."""

    multiple = True

    def draw(self, masked_image, mask, generator):
        return masked_image + torch.rand(1, generator=generator) * mask


def batch():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 3, 4, 4, generator=generator).repeat_interleave(12, 2).repeat_interleave(12, 3)
    mask = torch.zeros(3, 1, 48, 48)
    mask[..., 12:36, 12:36] = 1
    return Batch(image, mask, ["a", "b", "c"])


@pytest.fixture(scope="module")
def rows():
    suite = MetricSuite("lite0", replicates=0)
    methods = [Coin(name="coin"), MeanFill()]
    return evaluate(methods, [batch()], suite, {}, samples=4), suite


def test_a_method_that_draws_has_diversity_and_one_that_does_not_has_none(rows):
    (coin, mean), _ = rows
    assert coin["metrics"]["diversity"] > 0.01 and mean["metrics"]["diversity"] is None
    assert coin["counts"]["diversity"] == 3 and coin["metrics"]["diversity_lpips"] is None
    assert "Diversity" in markdown_rows(rows[0]) and json.dumps(coin["metrics"])
    assert coin["card"]["samples"] == 4 and "samples" not in mean["card"]


def test_a_report_shows_no_extremes_of_what_its_pictures_do_not_show(rows):
    values = picture_values(rows[1], ["coin", "mean"])
    _, cases = shown_pictures([Coin(name="coin"), MeanFill()], rows[0], [batch()], values, Gallery(1, 1))
    assert "l1_hole" in cases and not set(cases) & set(SAMPLE_COLUMNS)


def test_the_mean_of_all_is_their_mean(rows):
    one = batch()
    drawn = [torch.stack([predict(Coin(name="coin"), one, 0, i)[0][n] for n in one.name]) for i in range(4)]
    assert not torch.equal(drawn[0], drawn[1])
    mean = torch.stack(drawn).mean(dim=0)
    hole = one.mask > 0.5
    expected = [(mean - one.truth).abs()[i].mean(0)[hole[i, 0]].mean() for i in range(3)]
    assert rows[0][0]["metrics"]["l1_mean"] == pytest.approx(float(torch.stack(expected).mean()), rel=1e-4)
    assert rows[0][0]["metrics"]["l1_mean"] < rows[0][0]["metrics"]["l1_hole"] + 0.2


def test_a_fill_depends_on_seed_name_and_number_alone():
    one, method = batch(), Coin(name="coin")
    together = predict(method, one, 5, 2)[0]
    for i, name in enumerate(one.name):
        assert torch.equal(predict(method, one.part([i]), 5, 2)[0][name], together[name])
    assert torch.equal(predict(method, one, 5)[0]["a"], predict(method, one, 5, 0)[0]["a"])


def test_equal_fills_have_no_diversity():
    class Same(Coin):
        def draw(self, masked_image, mask, generator):
            return self.fill(masked_image, mask)

    suite = MetricSuite("lite0", replicates=0)
    (row,) = evaluate([Same(name="same")], [batch()], suite, {}, samples=3)
    assert row["metrics"]["diversity"] == pytest.approx(0, abs=1e-6)
    assert row["metrics"]["l1_mean"] == pytest.approx(row["metrics"]["l1_hole"])
    assert row["metrics"]["pd_chosen"] == pytest.approx(row["metrics"]["pd_lite0"])


def test_the_fill_without_a_seam_is_chosen():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    pictures = torch.cat([torch.where(mask > 0.5, level, ramp) for level in (0.1, 0.9)] + [ramp])
    assert seams(pictures, mask)[2] < 0.05 < seams(pictures, mask)[0]
    assert best_of(pictures, mask) == 2
    assert seams(pictures, torch.zeros_like(mask)).tolist() == [0, 0, 0]


def test_what_the_autoencoder_does_not_know_is_strange():
    class Halves(torch.nn.Module):
        """Knows what is constant over blocks of 2×2."""

        down_factor = 2

        def encode(self, image):
            return torch.nn.functional.avg_pool2d(image, 2)

        def decode(self, latent):
            return latent.repeat_interleave(2, 2).repeat_interleave(2, 3)

    mask = torch.ones(1, 1, 9, 9)
    smooth = torch.full((1, 3, 9, 9), 0.5)
    rough = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    found = strangeness(torch.cat([rough, smooth]), mask, Halves())
    assert found[1] < 1e-6 < 0.1 < found[0]
