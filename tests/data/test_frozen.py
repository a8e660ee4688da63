import json
import re
from pathlib import Path

import numpy as np
import pytest

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.frozen import FIRST, FrozenMasks, Manifest, checksum, draw, freeze

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "masks").glob("*.json"))
STATISTICS = json.loads((ROOT / "tests" / "fixtures" / "mask_area_statistics.json").read_text())
CROP = Crop.of((64, 64), 64)


@pytest.fixture
def small(tmp_path):
    """A manifest of five masks."""
    path = tmp_path / "small.json"
    freeze("thick", 64, seed=7, count=5).write(path)
    return path


def test_the_sets_that_are_kept():
    names = {path.stem for path in MANIFESTS}
    assert names == {*(f"{p}_{s}" for p in ("thin", "medium", "thick") for s in (256, 512)), "train_256"}
    assert all(Manifest.read(path).count == 2000 for path in MANIFESTS)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_the_first_masks_are_drawn_bit_by_bit(path):
    manifest = Manifest.read(path)
    assert f"{manifest.preset}_{manifest.size}" == path.stem
    assert checksum(draw(manifest.preset, manifest.size, manifest.seed, FIRST)) == manifest.checksum_first


@pytest.mark.slow
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_all_masks_are_drawn_bit_by_bit_and_follow_the_published_areas(path):
    manifest = Manifest.read(path)
    packed = draw(manifest.preset, manifest.size, manifest.seed, manifest.count)
    assert checksum(packed) == manifest.checksum
    areas = np.unpackbits(packed, axis=1).mean(axis=1)
    assert areas.mean() == pytest.approx(manifest.mean_hole_fraction, abs=1e-5)
    expected = STATISTICS.get(path.stem) or STATISTICS[f"random_{path.stem}"]
    quantiles = expected["area_quantiles"].items()
    assert max(abs((areas <= area).mean() - float(share)) for share, area in quantiles) <= 0.03


def test_masks_are_given_by_index_and_start_again_after_the_last(small):
    masks = FrozenMasks(str(small))
    drawn = [masks.mask(index, "any", CROP) for index in range(7)]
    assert all(mask.shape == (64, 64) and mask.dtype == bool for mask in drawn)
    np.testing.assert_array_equal(drawn[5], drawn[0])
    assert (drawn[1] != drawn[0]).any()
    assert np.mean(drawn[:5]) == pytest.approx(Manifest.read(small).mean_hole_fraction, abs=1e-5)


def test_another_drawing_is_an_error_that_says_why(small, monkeypatch):
    import cv2

    line = cv2.line
    monkeypatch.setattr(cv2, "line", lambda mask, a, b, colour, width: line(mask, a, b, colour, width + 1))
    with pytest.raises(RuntimeError, match=r"figures would not be comparable.*OpenCV's line drawing"):
        FrozenMasks(str(small)).prepare()
    with pytest.raises(RuntimeError, match="not be comparable"):
        FrozenMasks(str(small)).mask(0, "any", CROP)


def test_another_size_is_an_error(small):
    with pytest.raises(ValueError, match=r"is for size 64, the crops have data\.size=32"):
        FrozenMasks(str(small)).mask(0, "any", Crop.of((64, 64), 32))


def test_the_card_tells_sets_apart(small):
    card = FrozenMasks(str(small)).card()
    assert card["preset"] == "thick" and card["count"] == 5 and len(card["checksum"]) == 64
    json.dumps(card)


def test_missing_manifest_lists_those_there_are():
    with pytest.raises(FileNotFoundError, match=r"masks/thin_99\.json does not exist.*thick_256\.json"):
        Manifest.read("masks/thin_99.json")


def test_manifests_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Manifest.read("masks/thick_256.json").preset == "thick"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:40], ": not a JSON file"),
        (lambda text: text.replace('"seed"', '"sead"'), "expected the keys preset, size"),
        (lambda text: text.replace('"size": 64', '"size": "64"'), "unusable values for size"),
        (lambda text: text.replace('"count": 5', '"count": 100000000'), "unusable values for count or size"),
        (lambda text: "[]", "expected the keys"),
    ],
)
def test_damaged_manifests_are_named(small, change, message):
    small.write_text(change(small.read_text()))
    with pytest.raises(ValueError, match=rf"small\.json.*{message}"):
        Manifest.read(small)


def test_changed_checksum_is_noticed(small):
    text = small.read_text()
    small.write_text(re.sub(r'"checksum": "....', '"checksum": "0000', text))
    with pytest.raises(RuntimeError, match="the manifest was changed"):
        FrozenMasks(str(small)).prepare()
