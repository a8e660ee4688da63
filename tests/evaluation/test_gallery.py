import pytest
import torch

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.gallery import Gallery, extreme_cases, show, spread, wanted_results
from latent_inpaint.evaluation.methods import GreyFill, MeanFill
from latent_inpaint.evaluation.pictures import write_pictures
from latent_inpaint.evaluation.tables import COLUMNS

SSIM, L1 = (next(c for c in COLUMNS if c.key == key) for key in ("ssim", "l1_hole"))
VALUES = {
    "a": {f"{i}": {"hole_fraction": i / 10, "ssim": 1 - i / 10, "l1_hole": 0.5} for i in range(6)},
    "b": {"0": {"hole_fraction": 0.0, "ssim": 0.5}},
}


def test_pictures_are_spread_over_the_hole_areas():
    assert spread(VALUES, 3) == ["0", "2", "5"]
    assert spread(VALUES, 99) == ["0", "1", "2", "3", "4", "5"]
    assert spread(VALUES, 0) == []


def test_extreme_cases_obey_the_direction_and_equal_values_the_name():
    cases = extreme_cases(VALUES, [SSIM, L1], 2)
    assert cases["ssim"]["a"] == {"best": ["0", "1"], "worst": ["5", "4"]}
    assert cases["ssim"]["b"] == {"best": ["0"], "worst": ["0"]}
    assert cases["l1_hole"] == {"a": {"best": ["0", "1"], "worst": ["5", "4"]}}


def test_results_are_computed_only_where_they_are_shown():
    wanted = wanted_results(["a", "b"], ["0"], extreme_cases(VALUES, [SSIM], 1))
    assert wanted == {"0": {"a", "b"}, "5": {"a"}}


class Failing(MeanFill):
    def fill(self, masked_image, mask):
        raise RuntimeError


def test_shown_pictures_have_the_results_that_there_are():
    image = torch.full((2, 3, 4, 4), 0.2)
    image[..., 1, 1] = 1
    mask = torch.zeros(2, 1, 4, 4)
    mask[..., 1, 1] = 1
    batches = [Batch(image, mask, ["0", "1"]), Batch(image, mask, ["2", "3"])]
    methods = [MeanFill("a"), GreyFill(1.0, "b"), Failing("c")]
    shown = show(methods, batches, {"1": {"a", "c"}, "2": {"b"}}, VALUES)
    assert set(shown) == {"1", "2"}
    assert set(shown["1"].results) == {"a"}
    assert set(shown["2"].results) == {"b"}
    assert (shown["1"].results["a"] == 51).all()
    assert shown["1"].truth[1, 1, 0] == 255 and shown["1"].hole.sum() == 1
    assert shown["1"].values == {"a": VALUES["a"]["1"]}


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match="pictures"):
        Gallery(pictures=-1)


def test_values_by_picture_as_a_file(tmp_path):
    lines = write_pictures(tmp_path / "pictures.csv", VALUES).read_text().splitlines()
    assert lines[0] == "method,picture,hole_fraction,ssim,l1_hole"
    assert lines[2] == "a,1,0.1,0.9,0.5"
    assert lines[-1] == "b,0,0,0.5,"
