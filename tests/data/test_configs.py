from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from latent_inpaint.data.listing import list_pictures
from latent_inpaint.data.shard_writer import write_shards
from latent_inpaint.data.transforms import Distortions, FewPictures
from latent_inpaint.instantiate import instantiate

CONF = Path(__file__).parents[2] / "conf"
ROOT = """
defaults: [data: sample, masks: thick, train_masks: preset, _self_]
seed: 3
paths: {outputs: OUTPUTS}
hydra: {searchpath: [file://CONF]}
"""


@pytest.fixture
def data_of(tmp_path):
    (tmp_path / "conf").mkdir()
    text = ROOT.replace("CONF", str(CONF)).replace("OUTPUTS", str(tmp_path / "outputs"))
    (tmp_path / "conf" / "root.yaml").write_text(text)

    def build(*overrides):
        with initialize_config_dir(str(tmp_path / "conf"), version_base=None):
            return instantiate(compose("root", overrides=list(overrides)).data)

    return build


def test_sample_is_the_default(data_of):
    data = data_of("data.size=64", "data.batch_size=2", "data.num_workers=0")
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert batch.image.shape == (2, 3, 64, 64) and batch.mask.shape == (2, 1, 64, 64)
    assert data.seed == 3 and data.summary()["val_crops"] >= 24
    assert isinstance(data.train_transform, FewPictures)


@pytest.fixture
def mask_folder(tree, tmp_path):
    """A half that is 255 for every picture of the tree; a mask as well as a label map."""
    half = np.zeros((60, 80), np.uint8)
    half[:, 40:] = 255
    for path in tree.rglob("*.*"):
        target = (tmp_path / "masks" / path.relative_to(tree)).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(half).save(target)
    return tmp_path / "masks"


@pytest.mark.parametrize("masks", sorted(path.stem for path in (CONF / "masks").glob("*.yaml")))
def test_every_mask_config_gives_masks(data_of, masks, tree, mask_folder):
    size = 256 if masks.endswith("_frozen") else 48
    root = [f"masks.root={mask_folder}"] if masks in ("folder", "labels") else []
    data = data_of("data=folder", f"data.root={tree}", f"masks={masks}", f"data.size={size}", *root)
    data.num_workers = 0
    batch = next(iter(data.val_dataloader()))
    assert 0 < batch.mask.mean() < 1


def test_folder(data_of, tree):
    data = data_of("data=folder", f"data.root={tree}", "data.layout.val_fraction=1.0")
    assert len(data.splits.val) == 12


def test_places2_follows_lamas_protocol(data_of, tmp_path, make_picture):
    make_picture(tmp_path / "places" / "data_large" / "a" / "airfield" / "1.jpg", 512, 600)
    make_picture(tmp_path / "places" / "val_large" / "Places365_val_00000001.jpg", 512, 600)
    data = data_of("data=places2", f"data.root={tmp_path / 'places'}", "data.num_workers=0")
    assert isinstance(data.train_transform, Distortions)
    batch = next(iter(data.val_dataloader()))
    assert batch.image.shape == (1, 3, 256, 256) and data.val_dataset().short_side == 256
    assert list((tmp_path / "outputs" / "index").iterdir())


def test_augmentation_is_chosen_by_name(data_of):
    data = data_of("data/transform@data.train_transform=distortions", "data.size=48")
    assert data.train_transform == Distortions(48)


@pytest.mark.parametrize("data", ["folder", "places2"])
def test_a_missing_root_says_what_to_give(data_of, data):
    with pytest.raises(ValueError, match=r"give data\.root=DIR"):
        data_of(f"data={data}").setup()


def test_unknown_keys_are_errors(data_of):
    from hydra.errors import ConfigCompositionException

    with pytest.raises(ConfigCompositionException):
        data_of("data.batchsize=3")


def test_webdataset(data_of, tree, tmp_path):
    write_shards(list_pictures(tree), tmp_path / "shards", pictures_per_shard=6)
    shards = [f"data.{key}={tmp_path / 'shards'}" for key in ("shards", "val_shards")]
    data = data_of("data=webdataset", *shards, "data.size=48", "data.batch_size=4", "data.num_workers=0")
    assert next(iter(data.train_dataloader())).image.shape == (4, 3, 48, 48)
    assert len(next(iter(data.val_dataloader())).name) == 4


@pytest.mark.parametrize("kind", ["folder", "named", "labels", "mixture"])
def test_own_masks_train(data_of, tree, tmp_path, kind):
    for path in tree.rglob("*"):
        if path.is_file():
            target = (tmp_path / "own" / path.relative_to(tree)).with_suffix(".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            hole = np.zeros(np.asarray(Image.open(path)).shape[:2], np.uint8)
            hole[20:45, 20:50] = 255
            Image.fromarray(hole).save(target)
    root = f"data.train_masks.{'parts.own.' if kind == 'mixture' else ''}root={tmp_path / 'own'}"
    small = ("data.size=32", "data.batch_size=2", "data.num_workers=0", "data=folder", f"data.root={tree}")
    data = data_of(f"train_masks={kind}", root, *small)
    data.setup()
    mask = next(iter(data.train_dataloader())).mask
    assert mask.shape == (2, 1, 32, 32) and 0 < mask.mean() < 1
