"""The commands of the docs' pages compose: their keys and choices exist."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from latent_inpaint.training.config import register_resolvers

ROOT = Path(__file__).parent.parent
PLUGINS = ("hydra/launcher", "hydra.launcher", "+sweep")  # of Hydra's: they may be missing


def commands():
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["latent-inpaint"] and words[1] in ("train", "evaluate") and "…" not in words:
                    yield pytest.param(words[1], words[2:], id=f"{page.stem}: {' '.join(words[1:])}")


@pytest.mark.parametrize(("name", "words"), list(commands()))
def test_commands_compose(name, words):
    register_resolvers()
    kept = [word for word in words if word != "-m" and not word.startswith(PLUGINS)]
    overrides = [re.sub(r"=([^\[,]*),.*", r"=\1", word) for word in kept]  # of a sweep's values the first
    overrides = [re.sub("^experiment=", "+experiment=", word) for word in overrides]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert compose(name, overrides=overrides)


def test_there_are_commands():
    assert len(list(commands())) > 10
