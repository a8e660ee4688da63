"""Triplets: source, mask and target stay together, and all that is measured looks at the target."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from PIL import Image
from tiny import TINY

from latent_inpaint.data.listing import list_pictures
from latent_inpaint.data.masks import preset
from latent_inpaint.data.removal import write_triplets
from latent_inpaint.data.transforms import Distortions, FewPictures
from latent_inpaint.data.triplets import TripletDataModule, TripletLayout
from latent_inpaint.evaluation.after_training import train_and_evaluate
from latent_inpaint.evaluation.files import read_rows
from latent_inpaint.losses import PixelL1
from latent_inpaint.training.config import register_resolvers

SIZE = 32


@pytest.fixture
def root(tmp_path, pictures):
    write_triplets(list_pictures(pictures), tmp_path / "triplets", 12, 48, seed=1)
    return tmp_path / "triplets"


def module(root, transform=FewPictures, layout=None, **settings):
    return TripletDataModule(
        layout or TripletLayout(), transform(SIZE), preset("train", SIZE), str(root), size=SIZE,
        batch_size=4, num_workers=0, **settings,
    )  # fmt: skip


def test_the_synthetic_set_differs_outside_of_its_masks(root):
    for index in range(12):
        source, mask, target = (
            np.asarray(Image.open(root / part / f"{index:05d}.png")).astype(int)
            for part in ("source", "mask", "target")
        )
        hole, shadow = mask > 0, (np.abs(source - target).max(2) > 2) & (mask == 0)
        assert 0.02 < hole.mean() < 0.4 and shadow.mean() > 0.003
        assert (source[shadow] <= target[shadow] + 1).all()
    with pytest.raises(ValueError, match="has something in it"):
        write_triplets(list_pictures(root / "source"), root, 1, 48)


@pytest.mark.parametrize("transform", [FewPictures, Distortions])
def test_all_three_are_augmented_together(root, transform):
    for batch in module(root, transform).first_batches(3):
        assert batch.target.shape == batch.image.shape and not batch.composites
        changed = (batch.image - batch.target).abs().amax(1, keepdim=True)
        inside, outside = (
            float((changed * part).sum() / part.sum()) for part in (batch.mask, 1 - batch.mask)
        )
        assert inside > 2 * outside  # the object is under the mask, its shadow outside


def test_validation_has_the_targets_and_every_triplet_is_on_one_side(root):
    data = module(root, composites=True)
    data.setup()
    counts = data.summary()
    assert counts["train_pictures"] + counts["val_pictures"] == 12 and counts["val_pictures"] >= 1
    batch = next(iter(data.val_dataloader()))
    assert batch.composites and not torch.equal(batch.target, batch.image)
    filled = batch.filled(torch.zeros_like(batch.image))
    assert torch.equal(filled, batch.image * (1 - batch.mask)) and batch.truth is batch.target
    assert torch.equal(batch.part([0]).target, batch.target[:1])


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_a_list_says_what_belongs_together(root, kind):
    rows = [
        {"source": f"source/{i:05d}.png", "mask": f"mask/{i:05d}.png", "target": f"target/{i:05d}.png"}
        | {"split": "val" if i < 4 else "train"}
        for i in range(10)
    ]
    file = root / f"list.{kind}"
    if kind == "json":
        file.write_text(json.dumps(rows))
    elif kind == "csv":
        with file.open("w", newline="") as text:
            writer = csv.DictWriter(text, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        pytest.importorskip("pyarrow").Table.from_pylist(rows)
        parquet.write_table(pytest.importorskip("pyarrow").Table.from_pylist(rows), file)
    data = module(root, layout=TripletLayout(file.name))
    data.setup()
    assert (data.summary()["train_pictures"], data.summary()["val_pictures"]) == (6, 4)
    (root / "mask" / "00003.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 files are not in .*, first mask/00003\.png"):
        module(root, layout=TripletLayout(file.name)).setup()


def test_what_does_not_fit_is_said(root):
    Image.new("RGB", (40, 48)).save(root / "target" / "00000.png")
    with pytest.raises(ValueError, match=r"target/00000\.png: expected the source's size 48×48, got 40×48"):
        module(root, layout=TripletLayout(val_fraction=0.0)).first_batches(3)
    (root / "target" / "00001.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 sources have not one target in .*, the first is 00001\.png"
    ):
        module(root).setup()
    with pytest.raises(FileNotFoundError, match="expected folders source, mask, target"):
        module(root / "source").setup()


def test_losses_validation_and_evaluation_compare_with_the_target(root, tmp_path, monkeypatch):
    register_resolvers()
    seen = []
    own = PixelL1.forward
    monkeypatch.setattr(PixelL1, "forward", lambda self, o: seen.append((o.image, o.source)) or own(self, o))
    tiny = [setting for setting in TINY if not setting.startswith(("data=", "methods"))]
    settings = [f"data.root={root}", f"paths.outputs={tmp_path}", "data.batch_size=2", "trainer.max_steps=2"]
    settings += [
        "run_name=run",
        "data_name=triplets",
        "masks_name=own",
        "methods=[ground_truth,copy_nothing]",
    ]
    conf = str(Path(__file__).parents[2] / "conf")
    with initialize_config_dir(conf, version_base="1.3"):
        cfg = hydra_compose("train", overrides=["+experiment=removal", *tiny, *settings])
    run = train_and_evaluate(cfg)
    truth, source = seen[0]
    assert truth.shape == source.shape and not torch.equal(truth, source)
    rows = {row["method"]: row["metrics"] for row in read_rows(run / "metrics.json")}
    assert rows["ground_truth"]["psnr"] == 100 and rows["copy_nothing"]["psnr"] < 60
    assert len(list((run / "samples").glob("step_*.png"))) >= 2
