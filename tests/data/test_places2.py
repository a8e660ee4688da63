import logging
import os

import numpy as np
import pytest

from latent_inpaint.data.index import indexed
from latent_inpaint.data.listing import Listing, list_pictures
from latent_inpaint.data.path_table import PathTable
from latent_inpaint.data.places2 import Places2Layout

TRAIN = ("a/airfield/00000001.jpg", "b/bakery/shop/00000001.jpg")
VAL = ("Places365_val_00000001.jpg", "Places365_val_00000002.jpg", "Places365_val_00000003.jpg")
CLASSES = ("airfield/00000001.jpg", "bakery-shop/00000001.jpg")


@pytest.fixture
def layout(tmp_path):
    return Places2Layout(str(tmp_path / "outputs" / "index"))


def fill(root, make_picture, **folders):
    for folder, names in folders.items():
        for name in names:
            make_picture(root / folder / name, 16, 16)
    return root


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        ({"data_large": TRAIN, "val_large": VAL}, "official, large"),
        ({"data_256": TRAIN, "val_256": VAL}, "official, 256²"),
        ({"data_large_standard": TRAIN, "val_large": VAL}, "torchvision's names, large"),
        ({"data_256_standard": TRAIN, "val_256": VAL}, "torchvision's names, 256²"),
        ({"train": CLASSES, "val": CLASSES}, "easy format"),
        ({"places365_standard/train": CLASSES, "places365_standard/val": CLASSES}, "easy format"),
    ],
)
def test_every_layout_is_found_and_named(tmp_path, make_picture, layout, folders, found):
    root = fill(tmp_path / "places", make_picture, **folders)
    splits = layout.splits(str(root))
    train, val = folders.values()
    assert sorted(splits.train.names) == sorted(train) and sorted(splits.val.names) == sorted(val)
    assert f"train: {found}" in splits.description
    assert all(splits.train.path(i).is_file() for i in range(len(train)))


@pytest.mark.parametrize("folder", [".", "filelist_places365-standard"])
def test_file_lists_are_followed(tmp_path, make_picture, layout, folder):
    root = fill(tmp_path / "places", make_picture, **{".": (*TRAIN, *VAL)})
    (root / folder).mkdir(exist_ok=True)
    (root / folder / "places365_val.txt").write_text(f"{VAL[2]} 165\n{VAL[0]} 3\n")
    (root / folder / "places365_train_standard.txt").write_text(f"/{TRAIN[1]} 0\n")
    splits = layout.splits(str(root))
    assert list(splits.val.names) == [VAL[2], VAL[0]] and list(splits.train.names) == [TRAIN[1]]
    assert "file list" in splits.description


def test_large_pictures_are_preferred_unless_asked_otherwise(tmp_path, make_picture, layout):
    root = fill(tmp_path / "places", make_picture, data_large=TRAIN, data_256=TRAIN[:1], val_256=VAL)
    assert "official, large" in layout.splits(str(root)).description
    small = Places2Layout(layout.index_dir, prefer_small=True)
    assert len(small.splits(str(root)).train) == 1


def test_one_side_is_enough(tmp_path, make_picture, layout):
    splits = layout.splits(str(fill(tmp_path / "places", make_picture, val_large=VAL)))
    assert (len(splits.train), len(splits.val)) == (0, 3) and "train: nothing" in splits.description


def test_anything_else_is_refused_with_what_was_looked_for(tmp_path, make_picture, layout):
    root = fill(tmp_path / "places", make_picture, pictures=CLASSES)
    with pytest.raises(
        FileNotFoundError, match=r"no Places2 in .*data_large/, val_large/.*places365_val\.txt"
    ):
        layout.splits(str(root))
    with pytest.raises(ValueError, match=r"give data\.root=DIR"):
        layout.splits(None)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        layout.splits(str(tmp_path / "none"))


def test_second_start_reads_the_index_only(tree, tmp_path, monkeypatch):
    first = indexed(tree, tmp_path / "index")
    monkeypatch.setattr("latent_inpaint.data.index.list_pictures", None)
    second = indexed(tree, tmp_path / "index")
    assert list(second.names) == list(first.names) == list(list_pictures(tree).names)
    assert second.hash() == first.hash() == list_pictures(tree).hash()
    assert not list(tree.rglob("*.npz")), "the data folder stays as it was"


def added(tree, make_picture):
    make_picture(tree / "class_1" / "new.png")


def removed(tree, make_picture):
    (tree / "class_1" / "0000.jpg").unlink()


def renamed(tree, make_picture):
    (tree / "class_1" / "0000.jpg").rename(tree / "class_1" / "0009.jpg")


def folder_added(tree, make_picture):
    make_picture(tree / "class_1" / "deeper" / "new.png")


def folder_removed(tree, make_picture):
    for path in (tree / "class_2").iterdir():
        path.unlink()
    (tree / "class_2").rmdir()


@pytest.mark.parametrize("change", [added, removed, renamed, folder_added, folder_removed])
def test_index_notices_a_changed_folder(tree, tmp_path, make_picture, change):
    before = indexed(tree, tmp_path / "index").hash()
    change(tree, make_picture)
    after = indexed(tree, tmp_path / "index")
    assert after.hash() != before and after.hash() == list_pictures(tree).hash()


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_index_is_made_anew(tree, tmp_path, caplog, content):
    indexed(tree, tmp_path / "index")
    (path,) = (tmp_path / "index").iterdir()
    path.write_bytes(path.read_bytes()[:500] if content is None else content)
    with caplog.at_level(logging.WARNING):
        assert len(indexed(tree, tmp_path / "index")) == 12
    assert "cannot be read" in caplog.text
    assert len(list((tmp_path / "index").iterdir())) == 1


def test_index_inside_the_data_is_refused(tree):
    with pytest.raises(ValueError, match="index_dir: expected a place outside of the data folder"):
        indexed(tree, tree / "index")


def test_folders_of_the_same_name_have_their_own_index(tmp_path, make_picture):
    for parent in ("a", "b"):
        make_picture(tmp_path / parent / "train" / f"{parent}.png")
    names = [list(indexed(tmp_path / parent / "train", tmp_path / "index").names) for parent in ("a", "b")]
    assert names == [["a.png"], ["b.png"]]


PATHS = ["a.jpg", "é/ü.png", "b/" + os.fsdecode(b"\xff.png"), "c/with space.webp"]


def test_path_table_is_the_list():
    table = PathTable.of(PATHS)
    assert list(table) == PATHS == [table[i] for i in range(4)]
    assert len(table) == 4 and table[-1] == PATHS[-1] and table[1:3] == PATHS[1:3]
    assert list(PathTable.of([])) == []
    with pytest.raises(IndexError):
        table[4]


def test_path_table_hashes_like_a_list(tmp_path):
    sizes = np.arange(4)
    assert Listing(tmp_path, PATHS, sizes).hash() == Listing(tmp_path, PathTable.of(PATHS), sizes).hash()
    assert Listing(tmp_path, PATHS, sizes).hash() != Listing(tmp_path, PATHS[::-1], sizes).hash()


def test_path_table_refuses_positions_that_do_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        PathTable(np.zeros(5, np.uint8), np.array([2, 9]))
