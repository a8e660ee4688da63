"""A Python in which only the base install can be imported: `python -c` code that starts with `BASE_ONLY`."""

from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

from packaging.requirements import Requirement

BASE = ("torch", "numpy", "pillow", "safetensors", "pyyaml", "tqdm", "filelock")


def closure(names):
    """Distributions that `names` need, themselves included."""
    found, wanted = set(), [name.lower() for name in names]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        needed = [Requirement(line) for line in requires]
        wanted += [n.name.lower() for n in needed if n.marker is None or n.marker.evaluate({"extra": ""})]
    return found


def refused():
    """Top-level modules of what is installed here besides the base install."""
    there = {name.replace("_", "-") for name in closure(BASE)}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not {owner.lower().replace("_", "-") for owner in owners} & {*there, "latent-inpaint"}
    )


BASE_ONLY = f"""
import sys
class Without:
    names = frozenset({refused()!r})
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *where):
        return None if name.partition(".")[0] in self.names else self.finder.find_spec(name, *where)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
