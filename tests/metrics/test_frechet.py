import numpy as np
import pytest
import scipy.linalg
import torch

from latent_inpaint.metrics import frechet_distance
from latent_inpaint.metrics.frechet import (
    GaussianStatistics,
    frechet_between,
    frechet_influence,
    frechet_interval,
)
from latent_inpaint.metrics.resampling import mean_interval


def random_covariance(rng, size, rank=None):
    factor = rng.normal(size=(size, rank or size))
    return factor @ factor.T / size


def test_diagonal_gaussians_have_the_closed_form():
    std_a, std_b = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 0.0])
    distance = frechet_distance(np.zeros(3), np.diag(std_a**2), np.array([1.0, 2.0, 2.0]), np.diag(std_b**2))
    assert distance == pytest.approx(9 + np.sum((std_a - std_b) ** 2), abs=1e-12)


def test_commuting_gaussians_have_the_closed_form():
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    std_a, std_b = rng.uniform(0, 3, 20), rng.uniform(0, 3, 20)
    cov_a, cov_b = (basis * std_a**2) @ basis.T, (basis * std_b**2) @ basis.T
    distance = frechet_distance(
        torch.zeros(20), torch.from_numpy(cov_a), torch.zeros(20), torch.from_numpy(cov_b)
    )
    assert distance == pytest.approx(np.sum((std_a - std_b) ** 2), rel=1e-10)


def test_agrees_with_scipy_sqrtm():
    rng = np.random.default_rng(1)
    a, b = random_covariance(rng, 40), random_covariance(rng, 40)
    mean_a, mean_b = rng.normal(size=40), rng.normal(size=40)
    root = scipy.linalg.sqrtm(a @ b).real
    expected = np.sum((mean_a - mean_b) ** 2) + np.trace(a + b - 2 * root)
    assert frechet_distance(mean_a, a, mean_b, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [10, 300])
def test_agrees_with_torch_fidelity(n):
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    torch.manual_seed(0)
    features = [torch.rand(n, 40) @ torch.randn(40, 40) for _ in range(2)]
    statistics = [fid_features_to_statistics(x) for x in features]
    expected = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_between(*features) == pytest.approx(expected, abs=1e-3)


def test_rank_deficient_covariance_is_zero_from_itself_and_symmetric():
    rng = np.random.default_rng(2)
    a, b, zero = random_covariance(rng, 60, rank=5), random_covariance(rng, 60, rank=8), np.zeros(60)
    assert frechet_distance(zero, a, zero, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(zero, a, zero, b) == pytest.approx(frechet_distance(zero, b, zero, a), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cov_a", {"cov_a": np.eye(2)}),
        ("mean_b", {"mean_b": np.zeros(4)}),
        ("cov_b", {"cov_b": np.eye(3) * np.nan}),
    ],
)
def test_names_the_argument_that_does_not_fit(name, change):
    arguments = {
        "mean_a": np.zeros(3),
        "cov_a": np.eye(3),
        "mean_b": np.zeros(3),
        "cov_b": np.eye(3),
    } | change
    with pytest.raises(ValueError, match=name):
        frechet_distance(**arguments)


def test_statistics_in_chunks_and_merged_equal_numpy_in_float64():
    features = 1e3 + torch.randn(101, 7)  # a large mean: float32 or E[x²] − E[x]² would lose digits
    left, right = GaussianStatistics(7), GaussianStatistics(7)
    for chunk in features[:60].split(9):
        left.update(chunk)
    right.update(features[60:])
    left.merge(right)
    assert left.count == 101
    expected = features.double().numpy()
    np.testing.assert_allclose(left.mean.numpy(), expected.mean(0), rtol=1e-14)
    np.testing.assert_allclose(left.covariance.numpy(), np.cov(expected, rowvar=False), rtol=1e-9, atol=1e-12)


def test_statistics_refuse_another_width_and_too_few():
    statistics = GaussianStatistics(3)
    with pytest.raises(ValueError, match=r"\[N, 3\]"):
        statistics.update(torch.zeros(2, 4))
    statistics.update(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="at least 2"):
        _ = statistics.covariance


def test_few_vectors_of_many_features_have_the_distance_of_their_covariances():
    torch.manual_seed(0)
    a, b = torch.randn(12, 40), 0.5 + 2 * torch.randn(9, 40)
    statistics = [GaussianStatistics.of(x) for x in (a, b)]
    expected = frechet_distance(*(m for s in statistics for m in (s.mean, s.covariance)))
    assert frechet_between(a, b) == pytest.approx(expected, rel=1e-7)
    assert frechet_between(a, a) == pytest.approx(0, abs=1e-9)


def weighted_distance(a, b, weights):
    """Distance of the sample in which picture i counts weights[i] times, by numpy's weighted covariance."""
    share = weights / weights.sum()
    factor = weights.sum() / (weights.sum() - 1)
    moments = []
    for x in (a.double().numpy(), b.double().numpy()):
        mean = share @ x
        moments += [mean, factor * (x - mean).T @ ((x - mean) * share[:, None])]
    return frechet_distance(*moments)


@pytest.mark.parametrize(("n", "d"), [(50, 6), (12, 30)])
def test_influence_is_the_derivative_in_a_pictures_weight(n, d):
    torch.manual_seed(0)
    a = torch.randn(n, d)
    b = 0.7 * a + 0.5 * torch.randn(n, d) + 0.3
    influence = frechet_influence(a, b).numpy()
    for i, j in ((0, 1), (3, 7)):  # weight moved from j to i, so that the total stays
        up, down = np.ones(n), np.ones(n)
        up[[i, j]] += (1e-4, -1e-4)
        down[[i, j]] += (-1e-4, 1e-4)
        slope = (weighted_distance(a, b, up) - weighted_distance(a, b, down)) / 2e-4
        assert (influence[i] - influence[j]) / n == pytest.approx(slope, rel=1e-4)


def test_interval_is_as_wide_as_the_distance_scatters():
    generator = torch.Generator().manual_seed(3)

    def draw():
        a = torch.randn(200, 8, generator=generator)
        return a, 0.8 * a + torch.randn(200, 8, generator=generator)

    distances = np.array([frechet_between(*draw()) for _ in range(200)])
    low, high = frechet_interval(*draw(), replicates=400, seed=0)
    assert 0.7 < (high - low) / np.subtract(*np.quantile(distances, [0.975, 0.025])) < 1.6


def test_interval_holds_the_distance_and_repeats():
    torch.manual_seed(0)
    a, b = torch.randn(40, 10), torch.randn(40, 10) + 0.2
    interval = frechet_interval(a, b, replicates=100, seed=5)
    assert interval[0] < frechet_between(a, b) < interval[1]
    assert interval == frechet_interval(a, b, replicates=100, seed=5)
    assert frechet_interval(a, a, replicates=100, seed=5) == pytest.approx((0, 0), abs=1e-9)


def test_mean_interval_is_the_normal_one_for_many_values():
    values = np.random.default_rng(0).normal(2.0, 1.0, size=5000)
    low, high = mean_interval(values, replicates=2000, seed=0)
    half = 1.96 * values.std() / np.sqrt(5000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
