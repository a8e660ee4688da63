"""Whole batches augmented on the device: parity with the workers', explicit randomness, training alone."""

import multiprocessing
import subprocess
import sys
from itertools import islice

import albumentations as A
import cv2
import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from latent_inpaint.data import Batch
from latent_inpaint.data.datamodule import InpaintingDataModule
from latent_inpaint.data.device_transforms import (
    BrightnessContrast,
    ChannelShuffle,
    Clahe,
    DeviceAugmentation,
    Flip,
    HueSaturationValue,
    Warp,
)
from latent_inpaint.data.layouts import FolderLayout
from latent_inpaint.data.listing import list_pictures
from latent_inpaint.data.masks import preset
from latent_inpaint.data.shard_writer import write_shards
from latent_inpaint.data.transforms import CropFlip, Cut, Distortions, FewPictures
from latent_inpaint.data.webdataset_module import ShardDataModule
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.base import TrainingModule
from latent_inpaint.training.run import train

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained

SIZE = 32
TRANSFORMS = [CropFlip(SIZE), Distortions(SIZE), FewPictures(SIZE)]


def module(root, **changes) -> InpaintingDataModule:
    options = {
        "layout": FolderLayout(0.3),
        "train_transform": Distortions(SIZE),
        "train_masks": preset("train", SIZE),
        "val_masks": preset("thick", SIZE),
        "root": str(root),
        "size": SIZE,
        "batch_size": 4,
        "num_workers": 0,
        "augment_on_device": True,
    }
    return InpaintingDataModule(**{**options, **changes})


def rngs(count, first=0):
    return [np.random.default_rng(number) for number in range(first, first + count)]


def photograph(size=64):
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)


def as_batch(image):
    return torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float() / 255


class Scripted:
    """Stands in for a generator: gives the numbers that it was given."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def draw(self, *_):
        return self.numbers.pop(0)

    uniform = normal = random = draw


def changed(change, image, *drawn):
    out = change.apply(as_batch(image), torch.tensor([drawn], dtype=torch.float32)).clamp(0, 1)
    return 255 * out[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("brightness", "contrast"), [(0.2, -0.1), (-0.15, 0.2)])
def test_brightness_and_contrast_are_the_workers(brightness, contrast):
    theirs = A.RandomBrightnessContrast((brightness,) * 2, (contrast,) * 2, p=1)(image=photograph())["image"]
    ours = changed(BrightnessContrast(0.2), photograph(), brightness, contrast)
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("shifts", [(5, 30, -5), (-80, -40, 30)])
def test_hue_saturation_and_value_are_the_workers(shifts):
    hue, saturation, value = shifts
    theirs = A.HueSaturationValue(*((s, s) for s in shifts), p=1)(image=photograph())["image"]
    drawn = hue * np.pi / 90, saturation / 255, value / 255
    difference = np.abs(changed(HueSaturationValue(90, 40, 30), photograph(), *drawn) - theirs)
    assert difference.mean() < 1.5 and difference.max() < 12, "OpenCV's hue has 180 levels"


def test_grey_stays_grey():
    grey = np.full((SIZE, SIZE, 3), 100, np.uint8)
    out = changed(HueSaturationValue(5, 30, 5), grey, 0.1, 0.1, 5 / 255)
    assert np.abs(out - 105).max() < 0.01


def test_clahe_is_nearly_the_workers():
    theirs = A.CLAHE((3, 3), (8, 8), p=1)(image=photograph(256))["image"]
    difference = np.abs(changed(Clahe(), photograph(256), 3) - theirs)
    assert difference.mean() < 0.2 * np.abs(photograph(256) - theirs.astype(int)).mean()


def test_limits_of_clahe_stay_with_their_pictures():
    batch = torch.cat([as_batch(photograph(256))] * 4)
    together = Clahe().apply(batch, torch.tensor([[4.0], [1.0], [2.0], [4.0]]))
    alone = torch.cat([Clahe().apply(batch[:1], torch.tensor([[limit]])) for limit in (4.0, 1.0, 2.0, 4.0)])
    assert torch.equal(together, alone) and not torch.equal(alone[0], alone[1])


def test_the_affine_change_is_the_workers():
    scale, shear = np.array([1.2, 0.8]), np.array([0.1, -0.05])
    theirs = A.Affine(
        scale={"x": (1.2, 1.2), "y": (0.8, 0.8)},
        rotate=(30, 30),
        shear={"x": (0.1, 0.1), "y": (-0.05, -0.05)},
        border_mode=cv2.BORDER_REFLECT_101,
        p=1,
    )(image=photograph())["image"]
    drawn = Warp(64).draw(Scripted(np.array([1, 0, 1]), 30, shear, scale))
    difference = np.abs(changed(Warp(64), photograph(), *drawn) - theirs)
    assert difference.mean() < 1 and difference.max() < 8, "OpenCV's positions are of 1/32 pixel"


def test_the_optical_distortion_is_opencvs():
    # the workers' has its centre half a pixel beside the picture's
    camera = np.array([[64, 0, 31.5], [0, 64, 31.5], [0, 0, 1]], dtype=np.float32)
    maps = cv2.initUndistortRectifyMap(
        camera, np.array([0.05, 0.05, 0, 0]), None, camera, (64, 64), cv2.CV_32FC1
    )
    theirs = cv2.remap(photograph(), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    drawn = Warp(64).draw(Scripted(np.array([1, 1, 0]), 0.05))
    difference = np.abs(changed(Warp(64), photograph(), *drawn) - theirs)
    assert difference.mean() < 1 and difference.max() < 8


def test_a_perspective_with_all_corners_inwards_enlarges_the_middle():
    drawn = Warp(64).draw(Scripted(np.array([0, 1, 1]), 0.05, np.full((4, 2), -0.1)))
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    out = Warp(64).apply(ramp, torch.from_numpy(drawn)[None].float())
    expected = (0.1 * 64 + 0.8 * torch.arange(64.0)) / 63
    torch.testing.assert_close(out, expected.expand(1, 3, 64, 64), atol=1e-5, rtol=0)


def test_flip_and_shuffle_only_move_pixels():
    batch = torch.rand(2, 3, SIZE, SIZE)
    assert torch.equal(Flip().apply(batch, torch.empty(2, 0)), batch.flip(-1))
    orders = torch.tensor([[2.0, 0.0, 1.0], [1.0, 0.0, 2.0]])
    shuffled = ChannelShuffle().apply(batch, orders)
    assert torch.equal(shuffled, torch.stack([batch[0][[2, 0, 1]], batch[1][[1, 0, 2]]]))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_picture_depends_on_its_generator_alone(transform):
    _, augment = transform.on_device()
    images = torch.rand(12, 3, SIZE, SIZE)
    state = torch.get_rng_state()
    whole = augment(images, rngs(12))
    torch.manual_seed(5)
    parts = [augment(images[at : at + 3], rngs(3, at)) for at in range(0, 12, 3)]
    assert torch.equal(whole, torch.cat(parts))
    assert whole.dtype == torch.float32 and 0 <= whole.min() < whole.max() <= 1
    assert not torch.equal(augment(images, rngs(12, 1)), whole)
    torch.set_rng_state(state)
    augment(images, rngs(12))
    assert torch.equal(torch.get_rng_state(), state)


def test_about_half_of_the_pictures_are_changed():
    images = torch.rand(1, 3, SIZE, SIZE).expand(400, -1, -1, -1)
    changes = Flip(), ChannelShuffle(), Clahe(), BrightnessContrast(0.2), HueSaturationValue(5, 30, 5)
    for change in changes:
        augmented = DeviceAugmentation((change,))(images, rngs(400))
        share = (augmented != images).flatten(1).any(1).float().mean()
        least = 0.33 if isinstance(change, ChannelShuffle) else 0.42  # one order of six is the old one
        assert least < share < 0.58, change


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_workers_only_cut(transform):
    cut, _ = transform.on_device()
    picture = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    crop = cut(picture, np.random.default_rng(1))
    assert crop.shape == (SIZE, SIZE, 3) and crop.dtype == np.uint8
    if cut == Cut(SIZE, SIZE, SIZE):
        windows = np.lib.stride_tricks.sliding_window_view(picture, (SIZE, SIZE, 3))
        assert (windows == crop).all((3, 4, 5)).any()


class Recorder(pl.LightningModule):
    """Keeps the batches it sees."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.trained, self.validated = [], []

    def training_step(self, batch, batch_idx):
        self.trained.append(batch)
        self.trainer.datamodule.images_seen += len(batch.name)

    def validation_step(self, batch, batch_idx):
        self.validated.append(batch)

    def configure_optimizers(self):
        return None


def fitted(data, batches):
    recorder = Recorder()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        accelerator="cpu", limit_train_batches=batches, val_check_interval=batches, max_epochs=1, **quiet
    )
    trainer.fit(recorder, datamodule=data)
    return recorder


def test_training_is_augmented_and_validation_is_not(tree):
    seen = fitted(module(tree), 3)
    plain = list(
        islice(
            iter(
                module(
                    tree, train_transform=Cut(SIZE, SIZE, SIZE), augment_on_device=False
                ).train_dataloader()
            ),
            3,
        )
    )
    for before, after in zip(plain, seen.trained, strict=True):
        assert before.name == after.name and torch.equal(before.mask, after.mask)
        assert not torch.equal(before.image, after.image)
    fixed = list(module(tree, augment_on_device=False).val_dataloader())
    assert len(seen.validated) >= len(fixed)
    assert all(torch.equal(a.image, b.image) for a, b in zip(seen.validated[-len(fixed) :], fixed))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_draws_what_an_uninterrupted_one_would(tree, workers):
    before = multiprocessing.active_children()  # an interrupted evaluation of another test may have left some
    whole = fitted(module(tree), 5).trained
    first = module(tree, num_workers=workers)
    start = fitted(first, 2).trained
    second = module(tree, num_workers=workers)
    second.load_state_dict(first.state_dict())
    rest = fitted(second, 3).trained
    for one, other in zip(whole, [*start, *rest], strict=True):
        assert torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask)
    left = [child for child in multiprocessing.active_children() if child.daemon and child not in before]
    assert not left, "a fit ends its workers"


def test_each_process_draws_its_own(tree, monkeypatch):
    data = module(tree)
    batch = next(iter(data.train_dataloader()))
    first, later = data.augmented(batch, 8), data.augmented(batch, 12)
    monkeypatch.setattr("latent_inpaint.data.resumable.process", lambda: (1, 2))
    second = data.augmented(batch, 8)
    assert torch.equal(second.image, later.image) and not torch.equal(second.image, first.image)


def test_the_first_batches_are_those_of_the_training(tree):
    data = module(tree)
    data.images_seen = 100
    expected = fitted(module(tree), 3).trained
    for one, other in zip(data.first_batches(3), expected, strict=True):
        assert torch.equal(one.image, other.image)
    assert data.images_seen == 100


def test_shards_are_augmented_as_well(tree, tmp_path):
    write_shards(list_pictures(tree), tmp_path / "train", pictures_per_shard=6)
    options = {"train_masks": preset("train", SIZE), "val_masks": preset("thick", SIZE), "size": SIZE}
    url = str(tmp_path / "train")
    on, off = (
        ShardDataModule(url, url, transform, batch_size=4, num_workers=0, augment_on_device=on, **options)
        for transform, on in ((CropFlip(SIZE), True), (Cut(SIZE, SIZE, SIZE), False))
    )
    batches, plain = (Batch(*map(torch.cat, list(zip(*d.first_batches(3)))[:2]), []) for d in (on, off))
    flipped = [not torch.equal(a, b) for a, b in zip(batches.image, plain.image)]
    assert any(flipped) and not all(flipped) and torch.equal(batches.mask, plain.mask)
    assert all(torch.equal(a, b.flip(-1) if f else b) for a, b, f in zip(batches.image, plain.image, flipped))
    assert on.fingerprint() != off.fingerprint()


def test_the_fingerprint_knows_where_pictures_are_augmented(tree):
    assert module(tree).fingerprint() != module(tree, augment_on_device=False).fingerprint()


@pytest.mark.parametrize("value", ["yes", 1, None, "cuda"])
def test_other_values_are_refused(tree, value):
    with pytest.raises(ValueError, match="augment_on_device: expected true or false, got"):
        module(tree, augment_on_device=value)


def test_a_transform_without_a_part_for_the_device_is_refused(tree):
    with pytest.raises(ValueError, match="expected a train_transform with a method on_device.*got Cut"):
        module(tree, train_transform=Cut(SIZE, SIZE, SIZE))


def test_without_kornia_one_learns_how_to_get_it(tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "kornia", None)
    module(tree, augment_on_device=False)
    with pytest.raises(ImportError, match=r"augment_on_device needs kornia: .*latent-inpaint\[train\]"):
        module(tree)


def test_kornia_is_imported_only_where_it_is_wanted():
    code = (
        "import sys, latent_inpaint.data.datamodule; from latent_inpaint.data.transforms import CropFlip;"
        "before = 'kornia' in sys.modules; CropFlip(32).on_device(); print(before, 'kornia' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False True"


def test_both_stages_see_augmented_pictures_and_a_resumed_run_is_the_same(compose, monkeypatch):
    seen, count = [], TrainingModule.count
    monkeypatch.setattr(
        TrainingModule, "count", lambda self, b: (seen.append((type(self), b.image)), count(self, b))
    )
    settings = ["data.augment_on_device=true", "data/transform@data.train_transform=distortions"]
    whole = train(compose("latent_control", "trainer.max_steps=4", "run_name=whole", *settings))
    trained = list(seen)
    assert len({kind for kind, _ in trained}) == 2, "the autoencoder's stage and the inpainting one"
    half = train(compose("latent_control", "trainer.max_steps=2", "run_name=half", *settings))
    last = half / "checkpoints" / "last.ckpt"
    train(compose("latent_control", "trainer.max_steps=4", f"resume={last}", *settings))
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(trained[-4:], seen[-4:], strict=True))
    one, two = (read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"] for run in (whole, half))
    assert all(torch.equal(one[name], two[name]) for name in one)
