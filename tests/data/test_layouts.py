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
        FolderLayout().splits(str(tmp_path))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="val_fraction: expected a number from 0 to 1, got 7"):
        FolderLayout(7)
    with pytest.raises(ValueError, match=r"give data\.root=DIR"):
        FolderLayout().splits(None)
