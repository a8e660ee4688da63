"""The nearest-neighbour field against brute force, and what it may choose."""

import pytest
import torch

from latent_inpaint.models.copying.field import PatchField, dilated, is_deeper


def make_field(seed: int = 0, radius: int = 2, side: int = 24) -> PatchField:
    picture = torch.rand(3, side, side, generator=torch.Generator().manual_seed(seed))
    hole = torch.zeros(side, side, dtype=torch.bool)
    hole[9:14, 8:15] = True
    return PatchField(picture * ~hole, hole, radius, torch.zeros(1, side, side))


def best_costs(field: PatchField, filled: torch.Tensor) -> torch.Tensor:
    """Of each target, by comparing it with every source; known positions weigh 1, filled ones 0.01."""
    sides = (0, 0), (field.height, field.width)
    wanted = field._patches_of(filled, *sides)[field.targets].double()
    weight = field._patches_of((~field.hole * 0.99 + 0.01).expand(3, -1, -1), *sides)[field.targets].double()
    unlike = (wanted[:, None] - field._patches[field.sources].double()) ** 2
    return ((unlike * weight[:, None]).sum(dim=2) / weight.sum(dim=1, keepdim=True)).min(dim=1).values


def test_search_comes_near_the_best_sources() -> None:
    """Six sweeps over noise, in which neighbours say nothing of each other, find what brute force finds."""
    field, generator = make_field(), torch.Generator().manual_seed(1)
    filled = torch.where(field.hole, 0.5, field.picture)
    field.start(generator)
    field.search(filled, [(1,)], 1, generator)
    before = field.cost.mean()
    field.search(filled, [(8, 4, 2, 1)] * 30, 24, generator)
    best = best_costs(field, filled).mean()
    assert best <= field.cost.double().mean() + 1e-9 <= 1.1 * best < before


def test_sources_are_whole_known_patches() -> None:
    """No chosen patch holds a pixel of the hole or hangs over the edge."""
    field, generator = make_field(), torch.Generator().manual_seed(0)
    field.start(generator)
    field.search(field.picture, [(2, 1)], 24, generator)
    near_hole = dilated(field.hole, field.radius).flatten()
    assert not near_hole[field.chosen].any()
    rows, columns = field.chosen // field.width, field.chosen % field.width
    for along in (rows, columns):
        assert along.min() >= field.radius and along.max() < 24 - field.radius


def test_search_never_takes_a_worse_source() -> None:
    """Costs of one and the same picture go down only."""
    field, generator = make_field(), torch.Generator().manual_seed(0)
    filled = torch.where(field.hole, 0.5, field.picture)
    field.start(generator)
    field.search(filled, [], 1, generator)
    costs = [field.cost]
    for _ in range(4):
        field.search(filled, [(1,)], 8, generator)
        costs.append(field.cost)
        assert (costs[-1] <= costs[-2] + 1e-7).all()
    assert costs[-1].mean() < 0.9 * costs[0].mean()


@pytest.mark.parametrize("reach", [0, 2])
def test_votes_are_means_of_what_patches_bring(reach: int) -> None:
    """With equal costs and trust set to 1: an explicit loop gives the same."""
    field, generator = make_field(), torch.Generator().manual_seed(0)
    field.start(generator)
    field._trust = torch.ones_like(field._trust)
    total, count = torch.zeros(3, 24, 24), torch.zeros(24, 24)
    for target, source in zip(field.targets.tolist(), field.chosen.tolist(), strict=True):
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                y, x = target // 24 + dy, target % 24 + dx
                total[:, y, x] += field.picture[:, source // 24 + dy, source % 24 + dx]
                count[y, x] += 1
    expected = torch.where(field.hole, total / count.clamp_min(1), field.picture)
    torch.testing.assert_close(field.vote(1, reach), expected)


def test_a_finer_field_starts_where_the_coarser_one_is() -> None:
    """Offsets double; what is not a source there is drawn."""
    fine = make_field(side=48, seed=3)
    coarse = make_field()
    fine.hole[:] = False
    fine.hole[18:28, 16:30] = True
    fine = PatchField(fine.picture, fine.hole, 2, torch.zeros(1, 48, 48))
    coarse.start(torch.Generator().manual_seed(0))
    fine.start_from(coarse, torch.Generator().manual_seed(0))
    assert fine.is_source[fine.chosen].all()
    number = int((fine.targets == 22 * 48 + 20).nonzero())
    there = int(coarse.chosen[(coarse.targets == 11 * 24 + 10).nonzero()])
    doubled = there // 24 * 2 * 48 + there % 24 * 2
    assert int(fine.chosen[number]) == doubled or not fine.is_source[doubled]


def test_depth() -> None:
    """A square of 7 is 4 deep."""
    hole = torch.zeros(16, 16, dtype=torch.bool)
    hole[4:11, 4:11] = True
    assert is_deeper(hole, 3) and not is_deeper(hole, 4)
