"""What the base install does without the extras: all of inference, and one line where an extra is missing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from base_only import BASE_ONLY, refused
from PIL import Image

IMPORT_ALL = """
import importlib, pkgutil, latent_inpaint
from latent_inpaint import inference, models
for package in (models, inference):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""
FILL = """
import numpy as np, latent_inpaint
image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
mask = np.zeros((40, 56), np.uint8)
mask[10:30, 20:40] = 255
result = latent_inpaint.inpaint(image, mask, latent_inpaint.load(device="cpu"))
assert result.shape == image.shape and (result[mask == 0] == image[mask == 0]).all()
assert (result[mask > 0] != image[mask > 0]).any()
"""


def run(code, *arguments, cwd=None):
    command = [sys.executable, "-c", f"{BASE_ONLY}\n{code}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_the_hook_refuses_the_extras():
    assert {"hydra", "pytorch_lightning", "torchvision", "cv2", "scipy", "albumentations"} <= set(refused())
    assert not {"torch", "numpy", "PIL", "safetensors", "yaml", "tqdm", "filelock"} & set(refused())
    assert run("import cv2").returncode == 1


@pytest.mark.parametrize("code", [IMPORT_ALL, FILL], ids=["imports", "fills"])
def test_base_packages_are_enough(code):
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_predict_needs_no_extra(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)).save(tmp_path / "image.png")
    mask = np.zeros((40, 56), np.uint8)
    mask[10:30, 20:40] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    cli = "from latent_inpaint.cli import main; sys.exit(main(sys.argv[1:]))"
    files = ["--image", "image.png", "--mask", "mask.png", "--output", "out.png", "--device", "cpu"]
    done = run(cli, "predict", *files, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "out.png").size == (56, 40)


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["train", "experiment=latent_control"], "train"),
        (["evaluate"], "evaluate"),
        (["serve"], "serve"),
        (["masks", "pictures", "masks"], "evaluate"),
        (["data", "check", "pictures"], "evaluate"),
        (["summarize", "runs"], "evaluate"),
        (["info", "--model", "patchmatch"], "classical"),
        (["info", "--model", "telea"], "classical"),
        (["export", "--output", "model.onnx"], "export"),
    ],
)
def test_a_missing_extra_is_one_line(command, extra, tmp_path):
    done = run("from latent_inpaint.cli import main; sys.exit(main(sys.argv[1:]))", *command, cwd=tmp_path)
    assert done.returncode == 1
    assert f'pip install "latent-inpaint[{extra}]"' in done.stderr
    assert f'(from a checkout: pip install -e ".[{extra}]")' in done.stderr
    assert done.stderr.count("\n") == 1 and not list(Path(tmp_path).iterdir())
