"""Every public function of the mathematics has an example in its docstring, and all examples are right."""

import ast
import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

PACKAGE = Path(__file__).parents[1] / "latent_inpaint"


def modules(*patterns):
    paths = sorted(path for pattern in patterns for path in PACKAGE.glob(pattern))
    return [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths]


WITH_EXAMPLES = modules("losses/*.py", "metrics/*.py", "paths/*.py")
WITH_EXAMPLES += modules("data/masks.py", "data/outpainting.py", "pictures/masks.py", "markdown.py")


@pytest.mark.parametrize(
    "name", [*WITH_EXAMPLES, *modules("losses/*.py", "files.py", "models/autoencoders/*.py")]
)
def test_examples_are_right(name):
    module = importlib.import_module(name.removesuffix(".__init__"))
    usual = {"np": np, "torch": torch}
    assert doctest.testmod(module, extraglobs=usual, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_public_function_has_an_example(name):
    code = ast.parse((PACKAGE.parent / name.replace(".", "/")).with_suffix(".py").read_text())
    functions = [node for node in code.body if isinstance(node, ast.FunctionDef)]
    public = {f.name: ast.get_docstring(f) or "" for f in functions if not f.name.startswith("_")}
    assert [name for name, text in public.items() if ">>> " not in text] == []
