import logging
import subprocess
import sys
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from latent_inpaint.data import Batch
from latent_inpaint.data.datamodule import InpaintingDataModule
from latent_inpaint.data.layouts import FolderLayout
from latent_inpaint.data.mask_folders import FolderMasks
from latent_inpaint.data.masks import preset
from latent_inpaint.data.transforms import CropFlip, Distortions

SIZE = 32


def module(root, **changes) -> InpaintingDataModule:
    options = {
        "layout": FolderLayout(0.3),
        "train_transform": CropFlip(SIZE),
        "train_masks": preset("train", SIZE),
        "val_masks": preset("thick", SIZE),
        "root": str(root),
        "size": SIZE,
        "batch_size": 4,
        "num_workers": 0,
    }
    return InpaintingDataModule(**{**options, **changes})


def take(data, count):
    return list(islice(iter(data.train_dataloader()), count))


def names_of(batches):
    return list(chain.from_iterable(batch.name for batch in batches))


def assert_equal(left, right):
    assert len(left) == len(right) > 0
    for a, b in zip(left, right):
        assert a.name == b.name
        assert torch.equal(a.image, b.image) and torch.equal(a.mask, b.mask)


def test_batches_keep_the_conventions(tree):
    data = module(tree)
    for batch in [*take(data, 2), next(iter(data.val_dataloader()))]:
        assert isinstance(batch, Batch)
        assert batch.image.shape[1:] == (3, SIZE, SIZE) and batch.image.dtype == torch.float32
        assert batch.mask.shape == (len(batch.name), 1, SIZE, SIZE) and batch.mask.dtype == torch.float32
        assert 0 <= batch.image.min() < batch.image.max() <= 1
        assert set(batch.mask.unique().tolist()) == {0.0, 1.0}
        assert isinstance(batch.name, list) and (tree / batch.name[0]).is_file()


def test_train_loader_is_endless_and_unsized(tree):
    data = module(tree)
    with pytest.raises(TypeError):
        len(data.train_dataloader())
    assert len(take(data, 40)) == 40


def test_number_of_workers_changes_nothing(tree):
    batches = [take(module(tree, num_workers=workers), 5) for workers in (0, 1, 2)]
    assert_equal(batches[0], batches[1])
    assert_equal(batches[0], batches[2])


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_run_sees_the_next_sample(tree, workers):
    whole = take(module(tree), 8)
    first = module(tree, num_workers=workers)
    for batch in take(first, 3):
        first.images_seen += len(batch.name)
    second = module(tree, num_workers=workers)
    second.load_state_dict(first.state_dict())
    assert_equal(take(second, 5), whole[3:])


def test_a_sample_is_the_same_in_every_batch_size(tree):
    large, small = take(module(tree, batch_size=6), 1)[0], take(module(tree, batch_size=3), 2)
    assert torch.equal(large.image, torch.cat([batch.image for batch in small]))
    assert torch.equal(large.mask, torch.cat([batch.mask for batch in small]))


def test_epochs_differ_in_crop_and_mask(tree):
    data = module(tree, train_subset=1, batch_size=1)
    first, second = take(data, 2)
    assert first.name == second.name
    assert not torch.equal(first.image, second.image) and not torch.equal(first.mask, second.mask)


def test_augmentation_does_not_move_the_masks(tree):
    plain, distorted = take(module(tree), 2), take(module(tree, train_transform=Distortions(SIZE)), 2)
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(plain, distorted))
    assert not all(torch.equal(a.image, b.image) for a, b in zip(plain, distorted))


def test_validation_is_complete_ordered_and_fixed(tree):
    data = module(tree, batch_size=3)
    data.setup("validate")
    loader = data.val_dataloader()
    first, again = list(loader), list(loader)
    assert_equal(first, again)
    assert_equal(list(module(tree, batch_size=3, num_workers=2).val_dataloader()), first)
    assert names_of(first) == list(data.splits.val.names)
    assert len(loader) == len(first)
    assert not torch.equal(first[0].mask[0], first[0].mask[1])


def test_cache_changes_nothing(tree):
    assert_equal(take(module(tree, cache_mb=0), 6), take(module(tree, cache_mb=0.03), 6))


def test_subset_and_file_lists(tree, tmp_path):
    (tmp_path / "val.txt").write_text("class_2/0001.png\nclass_0/0000.jpg\n")
    listed = module(tree, val_list=str(tmp_path / "val.txt"))
    assert list(listed.splits.val.names) == ["class_2/0001.png", "class_0/0000.jpg"]
    assert listed.val_file_list_hash() != module(tree).val_file_list_hash()
    one, other = (module(tree, layout=FolderLayout(1.0), subset=5, seed=seed) for seed in (1, 2))
    assert len(one.splits.val) == 5 and one.val_file_list_hash() == other.val_file_list_hash()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"batch_size": 5},
        {"size": 48},
        {"train_transform": Distortions(SIZE)},
        {"train_subset": 2},
    ],
)
def test_fingerprint_follows_what_determines_the_training_pictures(tree, change):
    before = module(tree).fingerprint()
    assert module(tree).fingerprint() == before == module(tree, num_workers=2, cache_mb=1).fingerprint()
    assert module(tree, **change).fingerprint() != before


@pytest.mark.parametrize("workers", [0, 2])
def test_truncated_picture_is_skipped_named_and_counted(tree, make_truncated, caplog, workers):
    make_truncated(tree / "class_1" / "0000.jpg")
    data = module(tree, layout=FolderLayout(0), num_workers=workers)
    with caplog.at_level(logging.WARNING):
        names = names_of(take(data, 12))
    assert len(names) == 48 and "class_1/0000.jpg" not in names
    assert data.summary()["train_unreadable"] == ["class_1/0000.jpg"]
    if workers == 0:  # workers write their one line themselves, out of the fixture's sight
        assert sum("class_1/0000.jpg" in record.getMessage() for record in caplog.records) == 1


def test_replacement_does_not_depend_on_workers(tree, make_truncated):
    make_truncated(tree / "class_1" / "0000.jpg")
    assert_equal(take(module(tree), 6), take(module(tree, num_workers=2), 6))


def test_truncated_validation_picture_is_left_out(tree, make_truncated):
    make_truncated(tree / "class_0" / "0000.jpg")
    data = module(tree, layout=FolderLayout(1.0), batch_size=1)
    names = names_of(data.val_dataloader())
    assert len(names) == 11 and data.summary()["val_unreadable"] == ["class_0/0000.jpg"]
    whole = {b.name[0]: b.mask for b in module(tree, layout=FolderLayout(1.0), batch_size=1).val_dataloader()}
    assert len(whole) == 11, "the others keep their masks"


@pytest.mark.parametrize("workers", [0, 1])
def test_no_readable_picture_is_an_error(tmp_path, make_truncated, workers):
    for number in range(3):
        make_truncated(tmp_path / f"{number}.jpg")
    data = module(tmp_path, num_workers=workers, layout=FolderLayout(0))
    with pytest.raises(RuntimeError, match=r"none of the 3 pictures in .* can be read"):
        take(data, 1)
    with pytest.raises(RuntimeError, match=r"none of the 3 pictures in .* can be read"):
        list(module(tmp_path, num_workers=workers, layout=FolderLayout(1.0)).val_dataloader())


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.root.*does not exist"):
        module(tmp_path / "none").setup()
    with pytest.raises(ValueError, match="no pictures in"):
        module(tmp_path).setup()


def test_a_side_without_pictures_is_an_error_when_asked_for(tree):
    with pytest.raises(ValueError, match="no training pictures"):
        module(tree, layout=FolderLayout(1.0)).train_dataloader()
    with pytest.raises(ValueError, match="no validation pictures"):
        module(tree, layout=FolderLayout(0.0)).val_dataloader()


def test_masks_of_another_size_are_an_error(tree):
    with pytest.raises(ValueError, match=r"train_masks: expected the crop's size \(32, 32\), got \(64, 64\)"):
        take(module(tree, train_masks=preset("train", 64)), 1)
    with pytest.raises(ValueError, match=r"masks: expected size 32 \(data\.size\)"):
        list(module(tree, val_masks=preset("thick", 64)).val_dataloader())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_workers": -1}, "num_workers: expected 0 or more"),
        ({"short_side_limit": 0.5}, "short_side_limit"),
    ],
)
def test_wrong_arguments(tree, change, message):
    with pytest.raises(ValueError, match=message):
        module(tree, **change)


def test_negative_seed_is_an_error(tree):
    with pytest.raises(ValueError, match="seed: expected 0 or more"):
        take(module(tree, seed=-1), 1)


def test_processes_divide_validation(tree, monkeypatch):
    names = []
    for rank in range(2):
        monkeypatch.setattr("latent_inpaint.data.datamodule.process", lambda rank=rank: (rank, 2))
        names += [n for b in module(tree, layout=FolderLayout(1.0)).val_dataloader() for n in b.name]
    assert len(names) == 12 and len(set(names)) == 12


def test_large_pictures_are_reduced(tmp_path, make_picture):
    for number in range(2):
        make_picture(tmp_path / f"{number}.jpg", 400, 600, seed=number)
    data = module(tmp_path, short_side_limit=2)
    assert data.train_dataset().reader.read(0).shape == (64, 96, 3)
    assert module(tmp_path, short_side_limit=None).train_dataset().reader.read(0).shape == (400, 600, 3)


def test_modules_without_lightning_do_not_import_it():
    import subprocess
    import sys

    code = (
        "import sys, latent_inpaint.data.datasets, latent_inpaint.data.sample, latent_inpaint.data.masks;"
        "heavy = 'pytorch_lightning hydra albumentations kornia torchmetrics skimage sklearn'.split();"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_arrays_are_not_shared_between_samples(tree):
    data = module(tree, train_subset=1)
    dataset = data.train_dataset()
    before = dataset.reader.read(0).copy()
    dataset[0, 0].image.zero_()
    np.testing.assert_array_equal(dataset.reader.read(0), before)


def listed(tree, path, *names):
    path.write_text("\n".join(names))
    return str(path)


def test_an_evaluation_measures_all_of_a_tree_and_a_training_a_tenth(tree):
    training, evaluation = module(tree, layout=FolderLayout()), module(tree, layout=FolderLayout())
    training.setup("fit")
    evaluation.setup("test")
    assert len(training.splits.val) < 4 and len(training.splits.train) == 12 - len(training.splits.val)
    assert len(evaluation.splits.val) == 12 and not len(evaluation.splits.train)
    fixed = module(tree, layout=FolderLayout(0.3))
    fixed.setup("test")
    assert 0 < len(fixed.splits.val) < 12, "a fraction that was given holds in both"


def test_pictures_of_a_validation_list_never_train(tree, tmp_path):
    names = ["class_0/0000.jpg", "class_1/0001.png"]
    data = module(tree, layout=FolderLayout(), val_list=listed(tree, tmp_path / "val.txt", *names))
    assert list(data.splits.val.names) == names and len(data.splits.train) == 10
    assert not set(data.splits.train.names) & set(names) and "val_list" in data.splits.description
    everything = listed(tree, tmp_path / "all.txt", *data.splits.train.names, *names)
    with pytest.raises(ValueError, match="no training pictures .*val_list validates and does not train"):
        module(tree, layout=FolderLayout(), val_list=everything).train_dataloader()


def test_pictures_of_a_training_list_never_validate(tree, tmp_path):
    val = list(module(tree, layout=FolderLayout(0.3)).splits.val.names)
    data = module(tree, layout=FolderLayout(0.3), train_list=listed(tree, tmp_path / "t.txt", *val[:1]))
    assert list(data.splits.train.names) == val[:1] and list(data.splits.val.names) == val[1:]
    with pytest.raises(ValueError, match="train_list, val_list: 1 pictures are in both lists"):
        _ = module(tree, train_list=str(tmp_path / "t.txt"), val_list=str(tmp_path / "t.txt")).splits


@pytest.mark.parametrize("change", [{"size": 64.0}, {"batch_size": 4.5}, {"seed": None}, {"size": 0}])
def test_numbers_that_are_not_whole(tree, change):
    with pytest.raises(ValueError, match=f"{next(iter(change))}: expected . or more, a whole number, got"):
        module(tree, **change)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(("value", "what"), [(0, "empty"), (255, "the whole crop")])
def test_an_empty_or_whole_hole_is_an_error_of_one_line(tree, tmp_path, workers, value, what):
    for path in tree.rglob("*.*"):
        mask = tmp_path / "m" / path.relative_to(tree).with_suffix(".png")
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((60, 80), value, np.uint8)).save(mask)
    masks = FolderMasks(str(tmp_path / "m"), 128, True)
    data = module(tree, layout=FolderLayout(1.0), val_masks=masks, num_workers=workers)
    with pytest.raises(ValueError, match=f"class_0/0000.jpg: the hole is {what}") as error:
        list(data.val_dataloader())
    assert "Traceback" not in str(error.value) and "\n" not in str(error.value)


def test_missing_masks_are_told_before_anything_starts(tree, tmp_path):
    (tmp_path / "m" / "class_0").mkdir(parents=True)
    Image.new("L", (80, 60)).save(tmp_path / "m" / "class_0" / "0000_mask001.png")
    data = module(tree, layout=FolderLayout(1.0), val_masks=FolderMasks(str(tmp_path / "m"), 128, True))
    with pytest.raises(FileNotFoundError, match="11 of 12 pictures have none, the first is class_0/0001"):
        data.val_dataloader()


def test_masks_among_the_pictures_are_left_out(tree, caplog):
    for name in ("class_0/0000_mask.png", "class_1/0001_mask001.png", "masks/x.png"):
        (tree / name).parent.mkdir(exist_ok=True)
        Image.new("L", (80, 60)).save(tree / name)
    (tree / "._0000.jpg").write_bytes(b"\0\5\26\7")
    data = module(tree, layout=FolderLayout(1.0))
    assert len(data.splits.val) == 12
    assert "left out: hidden: 1, masks: 3" in caplog.text


def test_a_program_that_ends_by_an_error_waits_for_no_worker(tree):
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_datamodule import module
class Broken:
    def __call__(self, rng):
        raise ValueError("no mask today")
module({str(tree)!r}, num_workers=1, val_masks=Broken()).val_dataloader().__iter__().__next__()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1 and done.stderr.strip().endswith("ValueError: no mask today")
