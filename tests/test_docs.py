"""The commands of the docs' pages compose: their keys and choices exist."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from latent_inpaint.training.config import register_resolvers

ROOT = Path(__file__).parent.parent
CONFIGS = {"bin/train.py": "train", "bin/evaluate.py": "evaluate"}
LEFT_OUT = (
    "-m",
    "--cfg",
    "job",
    "hydra/launcher",
    "hydra.launcher",
    "+sweep",
)  # plugins of Hydra's may be missing


def commands():
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                name = next((CONFIGS[word] for word in words if word in CONFIGS), None)
                if name and not {"…", "--config-dir"} & set(words):
                    first = next(i for i, word in enumerate(words) if word in CONFIGS) + 1
                    yield pytest.param(name, words[first:], id=f"{page.stem}: {' '.join(words[first:])}")


@pytest.mark.parametrize(("name", "words"), list(commands()))
def test_commands_compose(name, words):
    register_resolvers()
    overrides = [
        re.sub(r"=(?!\[)([^,]*),.*", r"=\1", word) for word in words if not word.startswith(LEFT_OUT)
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert compose(name, overrides=overrides)


def test_there_are_commands():
    assert len(list(commands())) > 10
