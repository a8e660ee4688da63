import os

import pytest

from latent_inpaint.data.listing import list_pictures, read_file_list


def test_listing_is_recursive_sorted_and_keyed_on_the_relative_path(tree):
    listing = list_pictures(tree)
    assert len(listing) == 12
    assert list(listing.names) == sorted(listing.names)
    assert listing.names[0] == "class_0/0000.jpg" and listing.names[4] == "class_1/0000.jpg"
    assert listing.path(3).is_file() and listing.sizes[3] == listing.path(3).stat().st_size


def test_other_and_hidden_files_are_left_out(tree):
    (tree / "notes.txt").write_text("x")
    (tree / "class_0" / "._0000.jpg").write_bytes(b"x")
    (tree / ".cache").mkdir()
    (tree / ".cache" / "a.jpg").write_bytes(b"x")
    assert len(list_pictures(tree)) == 12


def test_links_are_followed_but_not_in_circles(tree, tmp_path, make_picture):
    make_picture(tmp_path / "elsewhere" / "linked.png")
    os.symlink(tmp_path / "elsewhere", tree / "link")
    os.symlink(tree, tree / "class_0" / "self")
    assert "link/linked.png" in list_pictures(tree).names
    assert len(list_pictures(tree)) == 13


def test_missing_folder_says_which_argument(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.root: expected a folder.*none does not exist"):
        list_pictures(tmp_path / "none")


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        list_pictures(tmp_path / "file")


def test_folder_without_pictures_is_an_error(tmp_path):
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match=r"no pictures in .*looked for \.jpg"):
        list_pictures(tmp_path)


def test_hash_follows_names_and_sizes_not_the_place(tree, tmp_path):
    before = list_pictures(tree).hash()
    moved = tree.rename(tmp_path / "moved")
    assert list_pictures(moved).hash() == before
    (moved / "class_0" / "0000.jpg").rename(moved / "class_0" / "0009.jpg")
    assert list_pictures(moved).hash() != before


def test_subset_is_fixed_and_nested(tree):
    listing = list_pictures(tree)
    five, eight = listing.subset(5), listing.subset(8)
    assert len(five) == 5 and set(five.names) < set(eight.names)
    assert list(five.names) == list(list_pictures(tree).subset(5).names)
    assert listing.subset(None) is listing and listing.subset(99) is listing
    with pytest.raises(ValueError, match="subset: expected at least 1"):
        listing.subset(0)


def test_file_list_with_places_indices_and_plain_names(tree, tmp_path, make_picture):
    make_picture(tree / "with space.png")
    path = tmp_path / "list.txt"
    path.write_text("/class_1/0000.jpg 17\nclass_0/0001.png\n\nwith space.png\n")
    listing = read_file_list(path, tree)
    assert list(listing.names) == ["class_1/0000.jpg", "class_0/0001.png", "with space.png"]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("\n", ValueError, "is empty"),
        (
            "class_0/0000.jpg\nclass_0/none.jpg\n",
            FileNotFoundError,
            "1 of 2 are not in .* first class_0/none.jpg",
        ),
        ("../photos/class_0/0000.jpg\n", ValueError, "leaves the data folder"),
    ],
)
def test_wrong_file_lists(tree, tmp_path, content, error, message):
    path = tmp_path / "list.txt"
    path.write_text(content)
    with pytest.raises(error, match=message):
        read_file_list(path, tree)


def test_missing_file_list(tree):
    with pytest.raises(FileNotFoundError, match=r"file list .* does not exist"):
        read_file_list(tree / "none.txt", tree)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_lists_as_editors_write_them(tmp_path, make_picture, encoding):
    make_picture(tmp_path / "caf\u00e9.png")
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    text = f"{mark}caf\u00e9.png 0\r\n/caf\u00e9.png 0\r\ncafe\u0301.png\r\n"
    (tmp_path / "list.txt").write_bytes(text.encode(encoding))
    listing = read_file_list(tmp_path / "list.txt", tmp_path)
    assert list(listing.names) == ["caf\u00e9.png"]
