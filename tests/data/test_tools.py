"""The command lines make_masks, check_data and make_shards, and what they call."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.data.check import check
from latent_inpaint.data.crops import Crop
from latent_inpaint.data.frozen import Manifest
from latent_inpaint.data.listing import list_pictures
from latent_inpaint.data.mask_files import source, write_masks
from latent_inpaint.data.mask_folders import FolderMasks
from latent_inpaint.data.mask_sources import SeededMasks
from latent_inpaint.data.masks import preset
from latent_inpaint.data.sheets import contact_sheet, overlay

BIN = Path(__file__).parents[2] / "bin"
MASKS = SeededMasks(preset("thick", 32), seed=0)


def run(tool, *arguments):
    command = [sys.executable, BIN / f"{tool}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("tool", ["make_masks", "check_data", "make_shards"])
def test_help_does_not_import_anything_heavy(tool):
    code = (
        f"import sys, runpy; sys.argv = ['x', '--help']\n"
        f"try: runpy.run_path({str(BIN / tool) + '.py'!r}, run_name='__main__')\n"
        f"except SystemExit: print([m for m in ('torch', 'cv2', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "usage:" in result.stdout and result.stdout.endswith("[]\n")


@pytest.mark.parametrize("tool", ["make_masks", "check_data", "make_shards"])
def test_a_missing_folder_is_a_clear_error(tool, tmp_path):
    output = [tmp_path / "out"] if tool != "check_data" else []
    result = run(tool, tmp_path / "none", *output)
    assert result.returncode == 1 and "none does not exist" in result.stderr
    assert "Traceback" not in result.stderr


def test_make_masks_from_the_command_line(tree, tmp_path):
    result = run("make_masks", tree, tmp_path / "masks", "--preset", "medium", "--size", 48, "--seed", 3)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("12 masks, mean hole ")
    mask = np.asarray(Image.open(tmp_path / "masks" / "class_1" / "0002_mask.png"))
    assert mask.shape == (48, 48) and set(np.unique(mask)) == {0, 255}


def test_freezing_from_the_command_line(tmp_path):
    result = run("make_masks", "--freeze", tmp_path / "s.json", "--size", 32, "--seed", 5, "--count", 7)
    assert result.returncode == 0, result.stderr
    manifest = Manifest.read(tmp_path / "s.json")
    assert (manifest.preset, manifest.size, manifest.seed, manifest.count) == ("thick", 32, 5, 7)
    assert run("make_masks", "--sheet", tmp_path / "s.png").returncode == 0
    assert Image.open(tmp_path / "s.png").width > 8 * 96


def test_written_masks_can_be_used_again(tree, tmp_path):
    pictures = list_pictures(tree)
    written = write_masks(pictures, MASKS, 32, tmp_path / "out", with_pictures=True)
    assert written.count == 12 and not written.skipped
    folder = FolderMasks(str(tmp_path / "out"), 128, hole_is_bright=True)
    crop = Crop.of((60, 80), 32, short_side=32)
    for index, name in enumerate(pictures.names):
        np.testing.assert_array_equal(folder.mask(index, name, crop), MASKS.mask(index, name, crop))
    assert Image.open(tmp_path / "out" / "class_0" / "0001.png").size == (32, 32)
    assert 0 < written.mean_hole_fraction < 0.5


def test_unreadable_pictures_get_no_mask(tree, tmp_path, make_truncated):
    make_truncated(tree / "class_0" / "0000.jpg")
    written = write_masks(list_pictures(tree), MASKS, 32, tmp_path / "out")
    assert written.count == 11 and written.skipped == ("class_0/0000.jpg",)


def test_masks_do_not_overwrite_each_other_or_the_data(tree, tmp_path, make_picture):
    with pytest.raises(ValueError, match="output: expected a folder outside"):
        write_masks(list_pictures(tree), MASKS, 32, tree / "masks")
    make_picture(tree / "class_0" / "0000.png")
    with pytest.raises(ValueError, match=r"would share the mask class_0/0000_mask\.png"):
        write_masks(list_pictures(tree), MASKS, 32, tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "SeededMasks"),
        ({"outpainting": True}, "SeededMasks"),
        ({"labels": "."}, "LabelMasks"),
        ({"manifest": "masks/thick_256.json"}, "FrozenMasks"),
    ],
)
def test_the_command_line_chooses_a_source(options, name):
    chosen = source("thick", 64, 0, **{"manifest": None, "labels": None, "outpainting": False, **options})
    assert type(chosen).__name__ == name


def test_check_data_counts_measures_and_names(tree, tmp_path, make_truncated, make_picture):
    make_truncated(tree / "class_0" / "0000.jpg")
    make_picture(tree / "class_2" / "wide.png", 40, 200)
    report = check(list_pictures(tree), workers=2)
    text = "\n".join(report.lines())
    assert "13 pictures" in text and "12 decoded, 1 unreadable" in text
    assert "short side 40 to 60, median 60; at most 5.00:1" in text
    assert "4 .png" in text and "class_0/0000.jpg: cannot be read" in text
    few = check(list_pictures(tree), limit=5)
    assert len(few.sizes) + len(few.unreadable) == 5


def test_check_data_from_the_command_line(tree, tmp_path, make_truncated):
    make_truncated(tree / "class_1" / "0000.jpg")
    sheet = tmp_path / "sheet.png"
    result = run("check_data", tree, "--sheet", sheet, "--size", 48, "--workers", 1)
    assert result.returncode == 1, "something cannot be read"
    assert "class_1/0000.jpg" in result.stdout and "val: " in result.stdout
    assert Image.open(sheet).height > 2 * 48
    (tree / "class_1" / "0000.jpg").unlink()
    assert run("check_data", tree, "--sheet", sheet, "--size", 48, "--workers", 1).returncode == 0


def test_overlay_tints_the_hole_only():
    image, mask = np.full((4, 4, 3), 100, np.uint8), np.eye(4, dtype=bool)
    result = overlay(image, mask)
    assert (result[~mask] == 100).all() and (result[mask] == [177, 50, 50]).all()


def test_contact_sheet_has_every_picture():
    rows = [("one", [np.full((8, 8, 3), 200, np.uint8)] * 3), ("two", [np.ones((8, 8), bool)])]
    sheet = np.asarray(contact_sheet(rows, tile=10))
    assert sheet.shape == (2 * 28 + 4, 3 * 14 + 4, 3)
    assert (sheet[18:28] == 200).all(axis=2).sum() == 300 and (sheet == 40).all(axis=2).sum() >= 100
