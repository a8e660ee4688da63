import pytest

from latent_inpaint.data.layouts import FolderLayout


def test_train_and_val_folders_are_taken_at_their_word(tree):
    (tree / "class_0").rename(tree / "val")
    (tree / "class_1").rename(tree / "train")
    splits = FolderLayout().splits(str(tree))
    assert splits.train.names[0] == "0000.jpg" and splits.train.root == tree / "train"
    assert (len(splits.train), len(splits.val)) == (4, 4), "class_2 belongs to neither"


def test_split_by_name_is_disjoint_complete_and_repeatable(tree):
    splits, again = FolderLayout(0.3).splits(str(tree)), FolderLayout(0.3).splits(str(tree))
    train, val = set(splits.train.names), set(splits.val.names)
    assert not train & val and len(train | val) == 12 and val
    assert val == set(again.val.names)


def test_split_of_a_picture_does_not_depend_on_others(tree, make_picture):
    before = FolderLayout(0.5).splits(str(tree))
    for number in range(20):
        make_picture(tree / "new" / f"{number}.png", seed=number)
    after = FolderLayout(0.5).splits(str(tree))
    assert set(before.val.names) < set(after.val.names) and set(before.train.names) < set(after.train.names)


@pytest.mark.parametrize(
    ("fraction", "expected"), [(1e-9, (11, 1)), (1 - 1e-9, (1, 11)), (0, (12, 0)), (1, (0, 12))]
)
def test_each_side_gets_a_picture_when_both_are_wanted(tree, fraction, expected):
    splits = FolderLayout(fraction).splits(str(tree))
    assert (len(splits.train), len(splits.val)) == expected


def test_one_picture_cannot_be_split(tmp_path, make_picture):
    make_picture(tmp_path / "one.png")
    with pytest.raises(ValueError, match="at least 2 pictures"):
        FolderLayout(0.1).splits(str(tmp_path))
    assert len(FolderLayout().splits(str(tmp_path)).whole) == 1, "an evaluation measures it"


def test_wrong_arguments():
    with pytest.raises(ValueError, match="val_fraction: expected null or a number from 0 to 1, got 7"):
        FolderLayout(7)
    with pytest.raises(ValueError, match=r"give data\.root=DIR"):
        FolderLayout().splits(None)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test", "Val", "TEST"])
@pytest.mark.parametrize("with_train", [True, False])
def test_folders_of_these_names_never_train(tree, name, with_train):
    (tree / "class_0").rename(tree / name)
    if with_train:
        (tree / "class_1").rename(tree / "train")
    splits = FolderLayout().splits(str(tree))
    assert splits.val.root == tree / name and len(splits.val) == 4
    assert len(splits.train) == (4 if with_train else 8)
    assert not any(f"{name}/" in str(splits.train.path(i)) for i in range(len(splits.train)))
    assert name.lower() in splits.description.lower()


def test_of_several_held_out_folders_the_first_validates_and_none_trains(tree):
    for number, name in enumerate(("test", "valid")):
        (tree / f"class_{number}").rename(tree / name)
    splits = FolderLayout().splits(str(tree))
    assert splits.val.root.name == "valid" and len(splits.train) == 4


def test_held_out_folders_deep_in_the_tree(tree):
    (tree / "class_0").rename(tree / "class_1" / "Test")
    splits = FolderLayout().splits(str(tree))
    assert {name.split("/")[1] for name in splits.val.names} == {"Test"} and len(splits.train) == 8
    (tree / "class_1").rename(tree / "train")
    (tree / "class_2").rename(tree / "val")
    assert len(FolderLayout().splits(str(tree)).train) == 4, "train/Test does not train either"


def test_a_validation_folder_alone_is_an_evaluation(tree):
    for number in range(3):
        (tree / f"class_{number}").rename(tree / "val" if number == 0 else tree / "val" / f"{number}")
    splits = FolderLayout().splits(str(tree))
    assert (len(splits.train), len(splits.val)) == (0, 12)


def test_one_folder_as_both_sides_is_refused(tmp_path, make_picture):
    (tmp_path / "train").mkdir()
    make_picture(tmp_path / "train" / "a.png")
    (tmp_path / "val").symlink_to(tmp_path / "train", target_is_directory=True)
    with pytest.raises(ValueError, match="are one folder"):
        FolderLayout().splits(str(tmp_path))
