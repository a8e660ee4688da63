from latent_inpaint.folders import find_files, masks_among, pair


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * len(name))


def test_files_by_ending_and_the_rest_counted(tmp_path):
    make(tmp_path, "b/A.PNG", "a.png", "a.txt", "README", "._a.png", ".git/a.png", "c/d.heic")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = find_files(tmp_path, [".png"])
    assert found.sizes == {"a.png": 5, "b/A.PNG": 7}
    assert found.left_out_text() == ".heic: 1, .txt: 1, broken link: 1, hidden: 2, without ending: 1"


def test_links_to_folders_are_followed_once(tmp_path):
    make(tmp_path, "root/ab/x.png", "root/b/y.png", "a/z.png")
    (tmp_path / "root" / "ab" / "up").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "ab" / "link").symlink_to(tmp_path / "a")  # whose name begins as its own folder's
    (tmp_path / "root" / "c").symlink_to(tmp_path / "root" / "b")  # else y.png might train and validate
    found = find_files(tmp_path / "root", [".png"])
    assert list(found.sizes) == ["ab/link/z.png", "ab/x.png", "b/y.png"]
    assert found.left_out_text() == "folder linked twice: 2"


def test_folders_that_are_not_wanted(tmp_path):
    make(tmp_path, "a.png", "out/a.png")
    assert list(find_files(tmp_path, [".png"], [(tmp_path / "out").resolve()]).sizes) == ["a.png"]


def test_pairs():
    pictures = ["a.jpg", "a_mask_on.jpg", "d/a.jpg", "e.png", "f.png"]
    masks = [
        "a.png",
        "a_mask_on.png",
        "d/a_mask001.tif",
        "d/a_mask002.tif",
        "e.png",
        "e_mask.png",
        "g_mask.png",
    ]
    assert pair(pictures, masks) == {
        "a.jpg": ["a.png"],
        "a_mask_on.jpg": ["a_mask_on.png"],
        "d/a.jpg": ["d/a_mask001.tif", "d/a_mask002.tif"],
        "e.png": ["e_mask.png"],
        "f.png": [],
    }
    assert pair(["caf\u00e9.jpg"], ["cafe\u0301_mask.png"])["caf\u00e9.jpg"]


def test_masks_among_pictures():
    names = [
        "a.png",
        "a_mask.png",
        "a_mask_2.jpg",
        "b_mask.png",
        "Masks/c.png",
        "d/mask/e.png",
        "mask.png",
        "_mask.png",
    ]
    assert masks_among(names) == {"a_mask.png", "a_mask_2.jpg", "Masks/c.png", "d/mask/e.png"}
