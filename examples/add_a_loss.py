"""A loss of your own, from outside the repository: a class, a YAML file, and two options of the command line.

    python examples/add_a_loss.py [FOLDER] [KEY=VALUE …]

writes FOLDER (default: my_loss) and trains with it. More overrides are passed on: trainer.max_steps=100, say.
"""

import os
import subprocess
import sys
from pathlib import Path

# --8<-- [start:files]
CLASS = '''"""Charbonnier's loss on latents: L1 that is smooth at 0."""

from torch import Tensor

from latent_inpaint.losses import LossTerm
from latent_inpaint.spaces import Outputs


def charbonnier(latent: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """`mean √((ẑ − z)² + ε²)` of two tensors of one shape."""
    return ((latent - target).square() + epsilon**2).sqrt().mean()


class LatentCharbonnier(LossTerm):
    """`charbonnier` of the step's latents; nobody asks for pixels, so the decoder is not run."""

    def __init__(self, weight: float = 1.0, epsilon: float = 1e-3) -> None:
        super().__init__(weight)
        self.epsilon = epsilon

    def forward(self, outputs: Outputs) -> Tensor:
        return charbonnier(outputs.latent, outputs.target_latent, self.epsilon)
'''
YAML = """# The term's name is the key: it is logged as train/charbonnier and val/charbonnier.
charbonnier:
  _target_: my_loss.LatentCharbonnier
  weight: 0.5
"""
# --8<-- [end:files]


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "my_loss")
    (folder / "conf" / "losses").mkdir(parents=True, exist_ok=True)
    (folder / "my_loss.py").write_text(CLASS)
    (folder / "conf" / "losses" / "charbonnier.yaml").write_text(YAML)
    command = [sys.executable, "-m", "latent_inpaint", "train", "--config-dir", str(folder / "conf")]
    command += ["experiment=latent_control", "losses=[latent_l1,charbonnier]", "allowed_modules=[my_loss]"]
    paths = [
        str(folder.resolve()),
        os.environ.get("PYTHONPATH", ""),
    ]  # an installed package needs no such line
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run([*command, *sys.argv[2:]], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
