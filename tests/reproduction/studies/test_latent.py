import json

import numpy as np
import torch
from PIL import Image

from latent_inpaint.models import save_model
from reproduction.studies.command import main
from reproduction.studies.latent import latent_damage


def test_equation_4_1(model):
    image, mask = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[:, :, 8:16, 8:16] = 1
    damage = latent_damage(model, image, mask)
    with torch.inference_mode():
        expected = model.decode(model.encode(image) - model.encode(image * (1 - mask)))
    assert torch.equal(damage.plain, expected)
    assert torch.equal(damage.guided, damage.plain)  # at first, mask control adds nothing
    assert damage.energy_outside["plain"] > 0  # the hole's surroundings are damaged too


def test_without_a_hole_nothing_is_damaged(model):
    damage = latent_damage(model, torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32))
    assert damage.energy_outside["plain"] == 0


def test_the_command(model, tmp_path, capsys):
    folder = save_model(model, tmp_path / "model")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)).save(tmp_path / "picture.png")
    arguments = [
        "latent",
        "--model",
        str(folder),
        "--size",
        "32",
        "--output",
        str(tmp_path / "out" / "latent.png"),
    ]
    assert main([*arguments, "--image", str(tmp_path / "picture.png")]) == 0
    with Image.open(tmp_path / "out" / "latent.png") as picture:
        assert picture.height > 5 * 32
    numbers = json.loads((tmp_path / "out" / "latent.json").read_text())["energy_outside_the_hole"]
    assert set(numbers) == {"plain", "guided", "refined"}
    assert main([*arguments, "--image", str(tmp_path / "none.png")]) == 1
    assert "none.png" in capsys.readouterr().err
    assert main([*arguments, "--size", "30"]) == 1
    assert "--size must be a multiple of 8, got 30" in capsys.readouterr().err
