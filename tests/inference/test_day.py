"""The command line for a day's work."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image, features

from latent_inpaint.cli import main
from latent_inpaint.inference.mask import read_hole


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three pictures in `photos`, and a mask of all."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{name}.png")
    hole = np.zeros((24, 32), np.uint8)
    hole[6:14, 8:20] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path


def run(line):
    return main(line.split())


def read(path):
    return np.asarray(Image.open(path))


def outputs(folder):
    return sorted(path.name for path in (folder / "out").glob("*.png"))


def test_demo_writes_what_can_be_repaired(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    command = capsys.readouterr().out.splitlines()[-1].split()[1:]
    assert main(command) == 0
    picture, mask, result = (read(f"demo{end}.png") for end in ("", "_mask", "_repaired"))
    wire = (picture == (28, 26, 30)).all(axis=2)
    assert 0 < wire.mean() < (mask > 0).mean() < 0.1
    assert result[wire].astype(int).sum(axis=1).min() > 150 > picture[wire].astype(int).sum(axis=1).max()
    assert main(["demo"]) == 1 and "demo.png: is there already" in capsys.readouterr().err


@pytest.mark.parametrize(("paint", "form"), [((255, 0, 0), "png"), ((0, 0, 0), "png"), ((0, 255, 0), "jpg")])
def test_paint_on_a_copy_of_the_picture_is_understood(tmp_path, paint, form):
    small = np.random.default_rng(0).integers(60, 200, (5, 6, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(small).resize((90, 75), Image.Resampling.BICUBIC))
    copy = picture.copy()
    copy[20:40, 30:60] = paint
    Image.fromarray(copy).save(tmp_path / f"copy.{form}", **({"quality": 95} if form == "jpg" else {}))
    with pytest.warns(UserWarning, match="a copy of the picture with paint on it"):
        hole = read_hole(Image.open(tmp_path / f"copy.{form}"), (75, 90), picture=picture)
    expected = np.zeros((75, 90), bool)
    expected[20:40, 30:60] = True
    assert (hole != expected).mean() < (0.05 if form == "jpg" else 1e-9)


def test_another_picture_as_mask_is_refused(photos):
    with pytest.raises(ValueError, match="colours"):
        read_hole(Image.open("photos/a.png"), (24, 32), picture=read("photos/b.png"))
    with pytest.raises(ValueError, match="colours"):
        read_hole(Image.open("photos/a.png"), (24, 32), picture=read("photos/a.png"))


def test_alpha_as_mask(photos, capsys):
    see_through = np.dstack([read("photos/a.png"), 255 - read("mask.png")])
    Image.fromarray(see_through).save("cut.png")
    assert run("predict --image cut.png --mask-from-alpha --output out.png") == 0
    result, hole = read("out.png"), read("mask.png") > 0
    assert result.shape == (24, 32, 3)
    np.testing.assert_array_equal(result[~hole], see_through[..., :3][~hole])
    assert run("predict --image photos/a.png --mask-from-alpha --output no.png") == 1
    assert "has no alpha channel, its mode is RGB" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("predict --image cut.png --mask mask.png --mask-from-alpha --output no.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I;16"])
def test_expand_keeps_the_picture_inside_its_border(photos, mode):
    picture = Image.open("photos/a.png").convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    picture.save("in.png")
    assert run("predict --image in.png --expand 3,1,8,0 --output out.png") == 0
    result = read("out.png")
    assert result.shape[:2] == (25, 43) and result.dtype == read("in.png").dtype
    np.testing.assert_array_equal(result[1:, 3:35], read("in.png"))
    assert result[:, 35:].any() and (mode != "RGBA" or (result[..., 3] == 255).all())
    assert run("predict --image in.png --mask mask.png --expand 0,0,4,0 --output both.png") == 0
    changed = (read("both.png")[:, :32] != read("in.png")).reshape(24, 32, -1).any(axis=2)
    assert changed[read("mask.png") > 0].mean() > 0.8 and not changed[read("mask.png") == 0].any()


@pytest.mark.parametrize("sides", ["1,2,3", "-1,0,0,0", "0,0,0,0", "a,b,c,d"])
def test_sides_that_are_none(sides, capsys):
    with pytest.raises(SystemExit):
        main(["predict", "--image", "a.png", f"--expand={sides}", "--output", "b.png"])
    assert "four numbers of pixels are expected, L,T,R,B" in capsys.readouterr().err


def test_a_pattern_and_a_list_on_standard_input(photos, monkeypatch):
    assert main(["predict", "--images", "photos/[ab].png", "--mask", "mask.png", "--output", "out"]) == 0
    assert outputs(photos) == ["a.png", "b.png"]
    monkeypatch.setattr("sys.stdin", io.StringIO("photos/c.png\n\nphotos/a.png\n"))
    assert main(["predict", "--images", "-", "--mask", "mask.png", "--output", "out"]) == 0
    assert outputs(photos) == ["a.png", "b.png", "c.png"]
    assert main(["predict", "--images", "no*.png", "--mask", "mask.png", "--output", "out"]) == 1


def test_one_object_a_picture_and_silence(photos, capsys):
    (photos / "photos" / "d.png").write_text("no picture")
    command = ["predict", "--images", "photos", "--mask", "mask.png", "--output", "out"]
    assert main([*command, "--json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["state"] for entry in told] == ["done"] * 3 + ["failed"]
    assert told[0]["outputs"] == ["out/a.png"] and (told[0]["width"], told[0]["height"]) == (32, 24)
    assert "not a picture" in told[3]["error"] and told[3]["outputs"] == []
    (photos / "photos" / "d.png").unlink()
    assert main([*command, "--quiet", "--overwrite"]) == 0
    assert capsys.readouterr().out == ""


def test_workers_give_the_same(photos):
    command = ["predict", "--images", "photos", "--mask", "mask.png", "--device", "cpu", "--output"]
    assert main([*command, "one"]) == main([*command, "two", "--workers", "2"]) == 0
    for name in "abc":
        difference = np.abs(read(f"one/{name}.png").astype(int) - read(f"two/{name}.png"))
        assert difference.max() <= 1  # of other numbers of threads


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_read(photos):
    Image.open("photos/a.png").save("a.avif", quality=100)
    assert run("predict --image a.avif --mask mask.png --output out.png") == 0
    assert read("out.png").shape == (24, 32, 3)


def test_watch_fills_what_arrives(photos):
    command = "watch photos --mask mask.png --output out --every 0.2 --device cpu"
    process = subprocess.Popen(
        [sys.executable, "-m", "latent_inpaint", *command.split()],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert process.stdout.readline().startswith("watching photos on cpu")
        Image.open("photos/a.png").save("photos/later.png")
        lines = [process.stdout.readline() for _ in range(4)]
        assert any("later.png: 32×24" in line for line in lines)
        deadline = time.monotonic() + 20
        while len(outputs(photos)) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(("form", "ending"), [("gif", "png"), ("gif", "webp"), ("webp", "webp")])
def test_all_frames_of_an_animation(photos, form, ending, capsys):
    frames = [Image.open(f"photos/{name}.png") for name in "abc"]
    options = {"save_all": True, "append_images": frames[1:], "duration": [100, 200, 300], "loop": 0}
    frames[0].save(f"in.{form}", **options, **({} if form == "gif" else {"lossless": True}))
    line = f"predict --image in.{form} --mask mask.png --frames all --output"
    assert run(f"{line} out.{ending}") == 0
    hole, durations = read("mask.png") > 0, []
    with Image.open(f"in.{form}") as before, Image.open(f"out.{ending}") as after:
        assert after.n_frames == 3
        for number in range(3):
            before.seek(number)
            after.seek(number)
            old, new = (np.asarray(image.convert("RGB")) for image in (before, after))
            assert (old[~hole] == new[~hole]).all() and (old != new).any(axis=2)[hole].mean() > 0.8
            after.load()
            durations.append(after.info["duration"])
    assert durations == [100, 200, 300]
    assert run(f"{line} out.jpg") == 1 and "frames are written to .png or .webp" in capsys.readouterr().err
