import numpy as np
import pytest

from latent_inpaint.data.photos import read_picture
from latent_inpaint.data.sample import SampleLayout


def test_sample_pictures_exist_and_are_disjoint_colour_photographs():
    splits = SampleLayout().splits(None)
    assert not set(splits.train.names) & set(splits.val.names)
    assert len(splits.val) * len(splits.anchors) >= 24
    for listing in (splits.train, splits.val):
        for index in range(len(listing)):
            picture = read_picture(listing.path(index), max_short_side=128)
            assert np.ptp(picture.astype(int), axis=2).mean() > 3, "grey picture"


def test_sample_has_no_folder():
    with pytest.raises(ValueError, match="data=sample has no folder"):
        SampleLayout().splits("/somewhere")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("latent_inpaint.data.sample.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="inside skimage, which is not installed"):
        SampleLayout().splits(None)
