import numpy as np
import pytest
from PIL import Image

from latent_inpaint.data.crops import Crop
from latent_inpaint.data.mask_folders import FolderMasks, LabelMasks, read_labels
from latent_inpaint.data.mask_sources import NoMaskError
from latent_inpaint.data.outpainting import OutpaintingMasks

CROP = Crop.of((60, 80), 48)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def hole():
    hole = np.zeros((60, 80), bool)
    hole[20:40, 30:70] = True
    return hole


@pytest.mark.parametrize("file", ["a/1.png", "a/1_mask.png", "a/1.webp", "a/1_mask.jpg"])
def test_masks_are_matched_by_name(tmp_path, hole, file):
    save(tmp_path / file, np.where(hole, 255, 0).astype(np.uint8))
    mask = FolderMasks(str(tmp_path), 128, hole_is_bright=True).mask(0, "a/1.jpg", CROP)
    np.testing.assert_array_equal(mask, hole[6:54, 16:64])


@pytest.mark.parametrize(
    ("threshold", "bright", "expected"),
    [
        (128, True, [0, 0, 1, 1]),
        (128, False, [1, 1, 0, 0]),
        (1, True, [0, 1, 1, 1]),
        (255, True, [0, 0, 0, 1]),
    ],
)
def test_threshold_and_polarity_are_explicit(tmp_path, threshold, bright, expected):
    values = np.array([0, 127, 128, 255], np.uint8)
    save(tmp_path / "p.png", np.tile(values, (4, 1)))
    mask = FolderMasks(str(tmp_path), threshold, bright).mask(0, "p.jpg", Crop.of((4, 4), 4))
    np.testing.assert_array_equal(mask[0], np.array(expected, bool))
    with pytest.raises(TypeError):
        FolderMasks(str(tmp_path))  # type: ignore[call-arg]


def test_masks_of_the_crops_size_are_taken_as_they_are(tmp_path, hole):
    save(tmp_path / "p.png", np.where(hole[:48, :48], 255, 0).astype(np.uint8))
    mask = FolderMasks(str(tmp_path), 128, True).mask(0, "p.jpg", CROP)
    np.testing.assert_array_equal(mask, hole[:48, :48])


def test_wrong_masks_are_named(tmp_path, hole):
    masks = FolderMasks(str(tmp_path), 128, True)
    with pytest.raises(FileNotFoundError, match=r"no mask for a/p\.jpg in .*a/p_mask…\.png, a/p\.png"):
        masks.mask(0, "a/p.jpg", CROP)
    save(tmp_path / "p.png", np.zeros((50, 80), np.uint8))
    with pytest.raises(ValueError, match=r"p\.png: mask: expected the picture's size 80×60 .* got 80×50"):
        masks.mask(0, "p.jpg", CROP)
    (tmp_path / "q.png").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"q\.png: not a picture"):
        masks.mask(0, "q.jpg", CROP)
    with pytest.raises(ValueError, match="threshold: expected a grey value from 1 to 255, got 0"):
        FolderMasks(str(tmp_path), 0, True)
    with pytest.raises(FileNotFoundError, match=r"masks\.root"):
        FolderMasks(str(tmp_path / "none"), 128, True)


LABELS = np.zeros((60, 80), np.int32)
LABELS[:, 20:40], LABELS[10:12, 60:62] = 300, 7


def grey(path, labels):
    save(path, (labels % 256).astype(np.uint8))


def sixteen_bits(path, labels):
    save(path, labels.astype(np.uint16))


def colours(path, labels):
    save(path, np.stack([labels % 256, labels // 256, labels * 0], -1).astype(np.uint8))


def palette(path, labels):
    image = Image.fromarray((labels % 256).astype(np.uint8), "L").convert("P")
    image.save(path)


@pytest.mark.parametrize("write", [grey, sixteen_bits, colours, palette])
def test_any_label_png_tells_its_regions_apart(tmp_path, write):
    write(tmp_path / "p.png", LABELS)
    labels = read_labels(tmp_path / "p.png")
    assert labels.shape == (60, 80) and len(np.unique(labels)) == 3
    for value in (0, 7, 300):
        assert len(np.unique(labels[value == LABELS])) == 1


def test_the_hole_is_a_region_of_fitting_size(tmp_path):
    sixteen_bits(tmp_path / "p.png", LABELS)
    masks = LabelMasks(str(tmp_path), seed=1)
    expected = (LABELS == 300)[6:54, 16:64]
    for index in range(5):  # 7 is too small, 0 too large
        np.testing.assert_array_equal(masks.mask(index, "p.jpg", CROP), expected)


def test_the_choice_of_a_region_follows_seed_and_index(tmp_path):
    grid = np.arange(16).reshape(4, 4).repeat(12, 0).repeat(12, 1).astype(np.uint8)
    save(tmp_path / "p.png", grid)
    crop = Crop.of((48, 48), 48)

    def chosen(seed):
        return [LabelMasks(str(tmp_path), seed).mask(index, "p.jpg", crop) for index in range(8)]

    np.testing.assert_array_equal(chosen(0), chosen(0))
    assert (np.array(chosen(0)) != np.array(chosen(1))).any()
    assert len({mask.tobytes() for mask in chosen(0)}) > 3


def test_ignored_labels_and_dilation(tmp_path):
    sixteen_bits(tmp_path / "p.png", LABELS)
    with pytest.raises(NoMaskError, match=r"p\.jpg: no region of .* covers 0\.02 to 0\.5"):
        LabelMasks(str(tmp_path), ignore=(300,)).mask(0, "p.jpg", CROP)
    grown = LabelMasks(str(tmp_path), dilation=3).mask(0, "p.jpg", CROP)
    plain = LabelMasks(str(tmp_path)).mask(0, "p.jpg", CROP)
    assert grown.sum() == plain.sum() + 2 * 3 * 48 and (grown >= plain).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_fraction": 0.6}, "expected 0 ≤ min < max ≤ 1"),
        ({"dilation": -1}, "dilation: expected 0 or more"),
    ],
)
def test_wrong_label_arguments(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        LabelMasks(str(tmp_path), **change)


def test_label_map_of_another_size(tmp_path):
    grey(tmp_path / "p.png", LABELS[:40])
    with pytest.raises(ValueError, match=r"p\.png: label map: expected the picture's size 80×60"):
        LabelMasks(str(tmp_path)).mask(0, "p.jpg", CROP)


def test_outpainting_covers_strips_along_the_border():
    masks = [OutpaintingMasks(100)(np.random.default_rng(seed)) for seed in range(200)]
    sides = np.array([[m[0].all(), m[-1].all(), m[:, 0].all(), m[:, -1].all()] for m in masks])
    assert sides.any(axis=1).all(), "one side at least"
    assert (np.abs(sides.mean(axis=0) - 0.53) < 0.12).all()
    assert not any(mask[25:75, 25:75].any() for mask in masks), "at most a quarter from each side"
    alone = [m for m, s in zip(masks, sides) if s.tolist() == [True, False, False, False]]
    widths = [m[:, 50].sum() for m in alone]
    assert min(widths) >= 4 and max(widths) <= 25 and len(set(widths)) > 5


def test_outpainting_without_luck_covers_one_side():
    masks = [OutpaintingMasks(50, probability=0.0)(np.random.default_rng(seed)) for seed in range(20)]
    assert all(mask.any() and not mask.all() for mask in masks)


@pytest.mark.parametrize("limits", [(0.0, 0.2), (0.3, 0.2), (0.1, 0.5)])
def test_wrong_outpainting_arguments(limits):
    with pytest.raises(ValueError, match="min_fraction, max_fraction"):
        OutpaintingMasks(64, *limits)
    with pytest.raises(ValueError, match="probability"):
        OutpaintingMasks(64, probability=2.0)
