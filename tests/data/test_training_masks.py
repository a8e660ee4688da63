"""Masks of one's own for training: they fit their pictures after any augmentation."""

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.data.datamodule import InpaintingDataModule
from latent_inpaint.data.layouts import FolderLayout
from latent_inpaint.data.masks import preset
from latent_inpaint.data.training_masks import (
    AnyFolderMasks,
    LabelTrainingMasks,
    MixtureMasks,
    NamedFolderMasks,
    fitted,
)
from latent_inpaint.data.transforms import CropFlip, Distortions, FewPictures

SIZE = 32


@pytest.fixture
def root(tmp_path):
    """Pictures that are red where their masks and label maps are set, and blue elsewhere."""
    rng = np.random.default_rng(0)
    for index in range(6):
        hole = np.zeros((60, 80), dtype=bool)
        top, left = rng.integers(5, 25), rng.integers(5, 40)
        hole[top : top + 30, left : left + 35] = True
        picture = np.where(hole[..., None], [255, 0, 0], [0, 0, 255]).astype(np.uint8)
        for folder, pixels in (("photos", picture), ("masks", 255 * hole), ("labels", 3 + 4 * hole)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / f"{index}.png")
    return tmp_path


def batches(root, masks, transform=CropFlip, count=3, **settings):
    data = InpaintingDataModule(
        FolderLayout(0.0), transform(SIZE), masks, preset("thick", SIZE), str(root / "photos"), SIZE,
        batch_size=4, num_workers=0, **settings,
    )  # fmt: skip
    return data.first_batches(count)


@pytest.mark.parametrize(
    ("transform", "agreement"), [(CropFlip, 1.0), (Distortions, 0.6), (FewPictures, 0.6)]
)
@pytest.mark.parametrize("kind", ["named", "labels"])
def test_a_mask_goes_with_its_picture(root, transform, agreement, kind):
    masks = (
        NamedFolderMasks(str(root / "masks"))
        if kind == "named"
        else LabelTrainingMasks(str(root / "labels"), preset("train", SIZE), 0.05, 0.4)
    )
    for batch in batches(root, masks, transform):
        assert set(batch.mask.unique().tolist()) == {0.0, 1.0}
        for image, mask in zip(batch.image, batch.mask[:, 0] > 0.5, strict=True):
            red = image[:, mask].mean(dim=1), image[:, ~mask].mean(dim=1)  # of the hole, of the rest
            if transform is CropFlip:
                assert red[0].tolist() == [1, 0, 0] and red[1].tolist() == [0, 0, 1]
            else:  # colours change, too, but hole and rest stay two
                assert (red[0] - red[1]).abs().max() > 0.5 * agreement


def test_reduced_pictures_reduce_their_masks(root):
    for batch in batches(root, NamedFolderMasks(str(root / "masks")), short_side_limit=1.0):
        inside, outside = (batch.image * part for part in (batch.mask, 1 - batch.mask))
        assert inside[:, 0].sum() > 8 * inside[:, 2].sum() and outside[:, 2].sum() > 8 * outside[:, 0].sum()


def test_samples_do_not_depend_on_workers_and_polarity_is_explicit(root):
    masks = NamedFolderMasks(str(root / "masks"), hole_is_bright=False)
    (first,), (again,) = (batches(root, masks, count=1) for _ in range(2))
    assert first.mask.equal(again.mask) and first.image.equal(again.image)
    assert (first.image[:, 2:] * first.mask).sum() > 0 and (first.image[:, :1] * first.mask).sum() == 0


def test_masks_of_a_folder_serve_any_picture(root):
    masks = AnyFolderMasks(str(root / "masks"), SIZE)
    drawn = [masks(np.random.default_rng(seed)) for seed in range(8)]
    assert all(mask.shape == (SIZE, SIZE) and 0 < mask.mean() < 1 for mask in drawn)
    assert len({mask.tobytes() for mask in drawn}) > 4
    assert np.array_equal(drawn[3], masks(np.random.default_rng(3)))
    (batch,) = batches(root, masks, count=1)
    assert batch.mask.shape == (4, 1, SIZE, SIZE)
    alpha = np.zeros((40, 40, 4), np.uint8)
    alpha[10:20, 10:20] = 255  # painted on a transparent layer
    (root / "alpha").mkdir()
    Image.fromarray(alpha).save(root / "alpha" / "a.png")
    assert AnyFolderMasks(str(root / "alpha"), 40)(np.random.default_rng(0)).sum() == 100


def test_a_mixture_draws_by_weight(root):
    own, made = NamedFolderMasks(str(root / "masks")), preset("box", SIZE)
    mixture = MixtureMasks({"own": own, "made": made}, {"own": 3, "made": 1})
    mixture.prepare([f"{index}.png" for index in range(6)])
    belongs = [mixture.draw("0.png", np.random.default_rng(seed)).belongs for seed in range(400)]
    assert 0.68 < np.mean(belongs) < 0.82
    assert len(batches(root, mixture)) == 3
    with pytest.raises(ValueError, match=r"weights: expected one for each of \['own'\], got \{'other': 1\}"):
        MixtureMasks({"own": own}, {"other": 1})


def test_what_does_not_fit_is_said(root, caplog):
    (root / "masks" / "0.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 6 pictures have no mask .* the first is 0\.png"):
        batches(root, NamedFolderMasks(str(root / "masks")))
    Image.new("L", (40, 80), 0).save(root / "masks" / "0.png")
    with pytest.raises(ValueError, match=r"0\.png is 80×60, its mask 40×80 \(width × height\)"):
        batches(root, NamedFolderMasks(str(root / "masks")))
    Image.new("L", (80, 60), 255).save(root / "masks" / "0.png")
    Image.new("L", (80, 60), 255).save(root / "masks" / "other.png")
    assert all(
        0 < mask.mean() < 1
        for batch in batches(root, NamedFolderMasks(str(root / "masks")))
        for mask in batch.mask
    )
    assert "1 masks belong to no training picture" in caplog.text
    with pytest.raises(ValueError, match="masks that belong to pictures are augmented by the workers"):
        batches(root, NamedFolderMasks(str(root / "masks")), augment_on_device=True)
    (root / "none").mkdir()
    with pytest.raises(ValueError, match="no masks in"):
        AnyFolderMasks(str(root / "none"), SIZE)
    assert fitted(np.eye(8, dtype=bool), (4, 4), "a").diagonal().all()
