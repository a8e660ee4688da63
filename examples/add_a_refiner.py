"""A refiner of your own, from outside the repository, in saved models too: class, YAML file, entry point.

    python examples/add_a_refiner.py [FOLDER] [KEY=VALUE …]

writes FOLDER (default: my_refiner), trains with it, and loads the saved model again in a process of its own.
More overrides are passed on: trainer.max_steps=100, say.
"""

import os
import subprocess
import sys
from pathlib import Path

CLASS = '''"""A refiner of plain residual convolutions."""

from torch import Tensor, nn

from latent_inpaint.models import FunctionRefiner, part


@part  # remembers its arguments, so that a saved model can be built again
class ConvRefiner(FunctionRefiner):
    """`z + conv(relu(conv(z)))`, several times; a function of the latent, so `forward` is all it needs."""

    def __init__(self, channels: int, n_blocks: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(_conv(channels), nn.ReLU(), _conv(channels)) for _ in range(n_blocks)
        )

    def forward(self, latent: Tensor) -> Tensor:
        for block in self.blocks:
            latent = latent + block(latent)
        return latent


def _conv(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1)
'''
YAML = """_target_: my_refiner.ConvRefiner
channels: ${model.latent_channels}
n_blocks: 2
"""
# What `pip install` writes of [project.entry-points."latent_inpaint.plugins"] in your pyproject.toml.
ENTRY_POINT = "[latent_inpaint.plugins]\nmy_refiner = my_refiner\n"
METADATA = "Metadata-Version: 2.1\nName: my-refiner\nVersion: 0.1\n"
LOAD = "import latent_inpaint, sys; print('loaded:', type(latent_inpaint.load(sys.argv[1]).model.refiner))"


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "my_refiner")
    installed = folder / "my_refiner-0.1.dist-info"
    for place in (folder / "conf" / "refiner", installed):
        place.mkdir(parents=True, exist_ok=True)
    (folder / "my_refiner.py").write_text(CLASS)
    (folder / "conf" / "refiner" / "convolutions.yaml").write_text(YAML)
    (installed / "METADATA").write_text(METADATA)
    (installed / "entry_points.txt").write_text(ENTRY_POINT)
    paths = [
        str(folder.resolve()),
        os.environ.get("PYTHONPATH", ""),
    ]  # an installed package needs no such line
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", "latent_inpaint", "train", "--config-dir", str(folder / "conf")]
    command += ["experiment=latent_control", "refiner=convolutions", f"paths.outputs={folder / 'outputs'}"]
    trained = subprocess.run([*command, "run_name=run", *sys.argv[2:]], env=environment)
    if trained.returncode:
        return trained.returncode
    run = str(folder / "outputs" / "latent_control" / "run")
    print("With the plugin:", flush=True)
    loaded = subprocess.run([sys.executable, "-c", LOAD, run], env=environment)
    print("Without it:", flush=True)
    refused = subprocess.run([sys.executable, "-c", LOAD, run], capture_output=True, text=True)
    print(refused.stderr.strip().splitlines()[-1])
    return loaded.returncode


if __name__ == "__main__":
    sys.exit(main())
