import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latent_inpaint.cli import main
from latent_inpaint.inference.batch import find_jobs
from latent_inpaint.models.storage import save_model
from latent_inpaint.pictures.plain import PictureWarning


def save_picture(path: Path, rng: np.random.Generator, size=(20, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)


def save_mask(path: Path, size=(20, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    hole = np.zeros(size, np.uint8)
    hole[5:9, 5:12] = 255
    Image.fromarray(hole).save(path)


@pytest.fixture
def folders(tmp_path, rng, network):
    save_model(network, tmp_path / "model")
    for name in ("a.png", "b.jpg", "deep/a.png"):
        save_picture(tmp_path / "images" / name, rng)
        save_mask((tmp_path / "masks" / name).with_suffix(".png"))
    return tmp_path


def command(folders: Path, *more: str) -> list[str]:
    named = {"model": "model", "images": "images", "masks": "masks", "output": "out"}
    return ["predict", *(f"--{key}={folders / name}" for key, name in named.items()), "--device=cpu", *more]


def summary_of(folders: Path) -> dict:
    return json.loads((folders / "out" / "summary.json").read_text())


def test_a_folder_is_repaired_and_summed_up(folders, capsys):
    assert main(command(folders)) == 0
    written = sorted(str(path.relative_to(folders / "out")) for path in (folders / "out").rglob("*.*"))
    assert written == ["a.png", "b.png", "deep/a.png", "summary.json"]
    image, result = (np.asarray(Image.open(folders / folder / "deep/a.png")) for folder in ("images", "out"))
    hole = np.asarray(Image.open(folders / "masks/deep/a.png")) > 0
    np.testing.assert_array_equal(result[~hole], image[~hole])
    assert (result[hole] != image[hole]).any()
    summary = summary_of(folders)
    assert (summary["pictures"], summary["done"], summary["skipped"], summary["failed"]) == (3, 3, 0, [])
    assert summary["settings"]["threshold"] == 128 and summary["settings"]["computes"] == "cpu in float32"
    assert "3 done, 0 skipped, 0 failed" in capsys.readouterr().out


def test_finished_pictures_are_skipped_unless_told_otherwise(folders):
    main(command(folders))
    (folders / "out" / "b.png").unlink()
    before = (folders / "out" / "a.png").stat().st_mtime_ns
    assert main(command(folders)) == 0
    assert summary_of(folders)["skipped"] == 2 and summary_of(folders)["done"] == 1
    assert (folders / "out" / "a.png").stat().st_mtime_ns == before
    assert main(command(folders, "--overwrite")) == 0
    assert summary_of(folders)["done"] == 3


def test_bad_pictures_are_reported_and_the_rest_goes_on(folders, rng, capsys):
    (folders / "images" / "a.png").write_bytes(b"")
    save_picture(folders / "images" / "lonely.png", rng)
    save_mask(folders / "masks" / "b.png", size=(7, 7))
    assert main(command(folders)) == 1
    summary = summary_of(folders)
    assert summary["done"] == 1
    failed = {Path(image).name: message for image, message in summary["failed"]}
    assert "not a picture" in failed["a.png"]
    assert "mask is 7×7 pixels, the image 24×20" in failed["b.jpg"]
    assert "no mask of this name" in failed["lonely.png"]
    captured = capsys.readouterr()
    assert captured.err.count("failed") == 3 and "1 done, 0 skipped, 3 failed" in captured.out


def test_warnings_are_kept_with_the_picture(folders):
    Image.new("L", (24, 20)).save(folders / "masks" / "a.png")
    assert main(command(folders)) == 0
    ((image, message),) = summary_of(folders)["warnings"]
    assert image.endswith("images/a.png") and "no hole" in message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_folder_has_a_summary_too(folders, monkeypatch, number):
    def interrupt(*arguments, **options):
        signal.raise_signal(number)

    monkeypatch.setattr("latent_inpaint.inference.batch.inpaint", interrupt)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        assert main(command(folders)) == 128 + number
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert summary_of(folders)["done"] == 0


@pytest.mark.parametrize(
    "option", ["--threshold=300", "--memory-budget=much", "--context=-1", "--feather=-3", "--dilate=-1"]
)
def test_wrong_options_are_one_error_before_the_network_is_loaded(folders, capsys, option):
    shutil.rmtree(folders / "model")
    assert main(command(folders, option)) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (folders / "out").exists()


def test_an_output_folder_that_cannot_be_written_is_one_error(folders, monkeypatch, capsys):
    shutil.rmtree(folders / "model")
    (folders / "out").mkdir()
    monkeypatch.setattr("os.access", lambda path, how: False)  # root may write everywhere
    assert main(command(folders)) == 1
    assert "out: the folder cannot be written" in capsys.readouterr().err


def test_two_pictures_with_one_output_name_are_refused_before_anything_is_done(folders, rng, capsys):
    save_picture(folders / "images" / "a.jpg", rng)
    assert main(command(folders)) == 1
    error = capsys.readouterr().err
    assert "images/a.jpg and " in error and "images/a.png would both be written to" in error
    assert not (folders / "out").exists()


def test_inputs_are_never_written_over(folders):
    with pytest.raises(ValueError, match="would be written over an input"):
        find_jobs(folders / "images", folders / "masks", folders / "images")


def test_masks_named_after_lamas_custom(tmp_path, rng):
    save_picture(tmp_path / "photo.png", rng)
    save_mask(tmp_path / "photo_mask001.png")
    (job,) = find_jobs(tmp_path, tmp_path, tmp_path / "out")
    assert (job.image.name, job.mask.name) == ("photo.png", "photo_mask001.png")


def test_folders_inside_the_folder_of_pictures_are_left_out(tmp_path, rng):
    for name in ("photo.png", "deep/photo.png", "out/photo.png"):
        save_picture(tmp_path / name, rng)
    save_mask(tmp_path / "masks" / "photo.png")
    jobs = find_jobs(tmp_path, tmp_path / "masks", tmp_path / "out")
    assert [job.image.relative_to(tmp_path).as_posix() for job in jobs] == ["deep/photo.png", "photo.png"]
    save_mask(tmp_path / "photo_mask.png")
    with pytest.warns(PictureWarning, match="left out: masks: 1"):  # masks/photo.png
        assert len(find_jobs(tmp_path, tmp_path, tmp_path / "out")) == 2
    assert len(find_jobs(tmp_path / "deep", tmp_path, tmp_path / "out")) == 1


def names_of(jobs, folder: Path) -> list[tuple[str, str, str]]:
    return [(job.image.name, job.mask.name, job.output.relative_to(folder).as_posix()) for job in jobs]


def test_several_masks_of_a_picture_give_several_results(tmp_path, rng):
    save_picture(tmp_path / "d" / "x.png", rng)
    for number in (1, 2):
        save_mask(tmp_path / "d" / f"x_mask00{number}.png")
    jobs = find_jobs(tmp_path, tmp_path, tmp_path / "out")
    assert names_of(jobs, tmp_path / "out") == [
        ("x.png", "x_mask001.png", "d/x_mask001.png"),
        ("x.png", "x_mask002.png", "d/x_mask002.png"),
    ]
    save_mask(tmp_path / "d" / "x_mask002.bmp")
    with pytest.raises(ValueError, match="x_mask002.bmp and .*x_mask002.png would both be written to"):
        find_jobs(tmp_path, tmp_path, tmp_path / "out")


def test_a_mask_belongs_to_one_picture(folders, rng, capsys):
    for folder in ("images", "masks"):
        shutil.rmtree(folders / folder)
    save_picture(folders / "images" / "face.png", rng)
    save_picture(folders / "images" / "face_mask_on.png", rng)
    save_mask(folders / "masks" / "face_mask_on.png")
    assert main(command(folders)) == 1
    error = capsys.readouterr().err
    assert f"face.png: failed: no mask of this name in {folders / 'masks'}: looked for face.*" in error
    assert summary_of(folders)["done"] == 1 and not (folders / "out" / "face.png").exists()


def test_names_in_two_unicode_forms_are_one(tmp_path, rng):
    save_picture(tmp_path / "p" / "cafe\u0301.png", rng)  # as a Mac writes it
    save_mask(tmp_path / "m" / "caf\u00e9.png")
    (job,) = find_jobs(tmp_path / "p", tmp_path / "m", tmp_path / "out")
    assert job.has_mask


def test_one_mask_for_all_pictures_of_a_folder(folders):
    save_mask(folders / "one.png")
    given = [argument for argument in command(folders) if not argument.startswith("--masks")]
    assert main([*given, f"--mask={folders / 'one.png'}"]) == 0
    assert summary_of(folders)["done"] == 3
    assert main([*given, f"--masks={folders / 'one.png'}", "--overwrite"]) == 0
    assert summary_of(folders)["done"] == 3


def test_what_is_left_out_is_said(folders, rng, capsys):
    for folder in ("images", "masks"):
        (folders / folder / "._a.png").write_bytes(b"\0\5\26\7")
    (folders / "images" / "w.psd").write_bytes(b"no picture for us")
    save_picture(folders / "linked" / "c.png", rng)
    save_mask(folders / "masks" / "link" / "c.png")
    (folders / "images" / "link").symlink_to(folders / "linked")
    assert main(command(folders)) == 0
    said = "left out: .psd: 1, hidden: 1"  # and hidden: 1 of the masks
    assert said in capsys.readouterr().err and summary_of(folders)["done"] == 4
    assert any(said in message for _, message in summary_of(folders)["warnings"])


def test_a_mask_of_no_name_is_the_mask_of_nothing(folders):
    save_mask(folders / "masks" / "_mask.png")
    assert len(find_jobs(folders / "images", folders / "masks", folders / "out")) == 3


@pytest.mark.parametrize("ending", [".jpg", "jpg", ".JPG"])
def test_endings_of_any_spelling(folders, ending):
    jobs = find_jobs(folders / "images", folders / "masks", folders / "out", ending)
    assert {job.output.suffix for job in jobs} == {".jpg"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images=nowhere", "--masks=masks"], "no such folder"),
        (["--images=empty", "--masks=masks"], "no pictures"),
    ],
)
def test_folders_without_pictures(folders, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(folders)
    (folders / "empty").mkdir()
    assert main(["predict", "--model=model", "--output=out", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_used(folders, capsys):
    (folders / "out").write_text("a file")
    assert main(command(folders)) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(folders / "out") in error


def test_one_picture_and_a_folder_at_once_is_wrong_usage(capsys):
    for arguments in (["--image=a", "--masks=b"], ["--image=a", "--mask=b", "--images=c", "--masks=d"], []):
        with pytest.raises(SystemExit) as status:
            main(["predict", "--output=out", *arguments])
        assert status.value.code == 2
        assert "either --image and --mask, or --images and --masks" in capsys.readouterr().err


def test_memory_does_not_grow_with_the_number_of_pictures(folders, rng):
    for i in range(500):
        size = tuple(int(side) for side in rng.integers(40, 300, 2))
        save_picture(folders / "images" / "many" / f"{i}.jpg", rng, size)
        save_mask(folders / "masks" / "many" / f"{i}.png", size)
    program = f"""
import sys
from pathlib import Path
from latent_inpaint import cli
resident = []
def look(*values, **options):
    resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
import builtins
builtins.print = look
status = cli.main({command(folders)!r})
assert status == 0, status
sys.stdout.write(f"{{max(resident[250:]) - max(resident[50:250])}}")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 15
