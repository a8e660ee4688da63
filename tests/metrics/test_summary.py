import numpy as np
import pytest
import torch

from latent_inpaint.metrics.summary import Pictures, decile, summarise


def test_a_deciles_upper_bound_belongs_to_it():
    fractions = np.array([0.0, 0.1, 0.1001, 0.3, 0.4999, 0.5, 0.5001, 0.7, 1.0])
    assert decile(fractions).tolist() == [0, 0, 1, 2, 4, 4, 5, 6, 9]


def test_means_counts_and_deciles_leave_out_what_is_not_there():
    values = {"a": np.array([1.0, 3.0, np.nan, 8.0]), "b": None}
    summary = summarise(Pictures(np.array([0.05, 0.45, 0.45, 0.5]), values), replicates=50, seed=0)
    assert summary["images"] == 4
    assert summary["metrics"] == {"a": 4.0, "b": None}
    assert summary["counts"] == {"a": 3, "b": 0}
    assert summary["intervals"]["b"] is None
    low, high = summary["intervals"]["a"]
    assert 1.0 <= low < 4.0 < high <= 8.0
    bins = summary["hole_area"]
    assert [part["range"] for part in bins][4] == [0.4, 0.5]
    assert [part["images"] for part in bins] == [1, 0, 0, 0, 3, 0, 0, 0, 0, 0]
    assert bins[4]["metrics"]["a"] == 5.5
    assert bins[0]["intervals"]["a"] is None  # one picture
    assert bins[1]["metrics"] == {"a": None, "b": None}


def test_frechet_distance_per_decile_is_of_the_deciles_pictures():
    torch.manual_seed(0)
    real = torch.randn(60, 3)
    fake = real.clone()
    fake[30:] += 2.0  # a shift by 2 in each of 3 features: distance 12
    areas = np.repeat([0.15, 0.35], 30)
    summary = summarise(Pictures(areas, {}, {"fd": (fake, real), "fid": None}), replicates=20, seed=0)
    bins = summary["hole_area"]
    assert bins[1]["metrics"]["fd"] == pytest.approx(0, abs=1e-6)
    assert bins[3]["metrics"]["fd"] == pytest.approx(12, abs=1e-3)
    assert bins[3]["counts"] == {"fd": 30, "fid": 0}
    assert bins[0]["metrics"]["fd"] is None
    assert summary["metrics"]["fid"] is None
    low, high = summary["intervals"]["fd"]
    assert low < summary["metrics"]["fd"] < high


def test_no_replicates_no_intervals():
    summary = summarise(Pictures(np.zeros(2), {"a": np.ones(2)}), replicates=0, seed=0)
    assert summary["intervals"] == {"a": None}
