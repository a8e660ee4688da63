"""Which pictures a report shows, and the methods' results on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.methods import Method
from latent_inpaint.evaluation.page import ReportPicture
from latent_inpaint.evaluation.pictures import PictureValues
from latent_inpaint.evaluation.runner import predict
from latent_inpaint.evaluation.tables import Column
from latent_inpaint.models.classical.base import to_picture

Extremes = dict[str, dict[str, dict[str, list[str]]]]
"""Metric → method → `best` and `worst` → pictures, the most extreme first."""


@dataclass(frozen=True)
class Gallery:
    """How much a report shows.

    Args:
        pictures: pictures on which all methods are compared, spread over the hole areas.
        extremes: best and worst cases of each method by each metric.
        blind: write a blind sheet of those pictures, too; see `write_blind`.
    """

    pictures: int = 24
    extremes: int = 3
    blind: bool = False

    def __post_init__(self) -> None:
        if self.pictures < 0 or self.extremes < 0:
            raise ValueError(
                f"pictures, extremes: expected 0 or more, got {self.pictures} and {self.extremes}"
            )


def spread(values: PictureValues, count: int) -> list[str]:
    """`count` pictures at even distances in the order of hole area, smallest first."""
    fractions = {name: row["hole_fraction"] for pictures in values.values() for name, row in pictures.items()}
    ordered = sorted(fractions, key=lambda name: (fractions[name], name))
    positions = np.linspace(0, len(ordered) - 1, min(count, len(ordered)))
    return [ordered[round(position)] for position in positions.tolist()]


def extreme_cases(values: PictureValues, columns: Sequence[Column], count: int) -> Extremes:
    """The `count` best and worst pictures of each method by each metric that pictures have."""
    cases: Extremes = {}
    for column in columns:
        by_method = {}
        for method, pictures in values.items():
            scores = {name: row[column.key] for name, row in pictures.items() if column.key in row}
            if scores and count:
                sign = -1 if column.higher_is_better else 1
                ordered = sorted(scores, key=lambda name: (sign * scores[name], name))
                by_method[method] = {"best": ordered[:count], "worst": ordered[::-1][:count]}
        if by_method:
            cases[column.key] = by_method
    return cases


def wanted_results(
    methods: Sequence[str], everywhere: Iterable[str], extremes: Extremes
) -> dict[str, set[str]]:
    """Picture → methods whose result is shown: all of `methods` on `everywhere`, each on its extremes."""
    wanted = {name: set(methods) for name in everywhere}
    for by_method in extremes.values():
        for method, sides in by_method.items():
            for name in (*sides["best"], *sides["worst"]):
                wanted.setdefault(name, set()).add(method)
    return wanted


def show(
    methods: Sequence[Method],
    loader: Iterable[Batch],
    wanted: Mapping[str, set[str]],
    values: PictureValues,
    seed: int = 0,
) -> dict[str, ReportPicture]:
    """Compute the wanted results once more: with the seed of the evaluation a method gives what was measured.

    Pictures on which a method fails come without its result.
    """
    shown: dict[str, ReportPicture] = {}
    for batch in loader:
        if len(shown) == len(wanted):
            break
        for i in [i for i, name in enumerate(batch.name) if name in wanted]:
            one = batch.part([i])
            chosen = [method for method in methods if method.name in wanted[one.name[0]]]
            shown[one.name[0]] = _picture(chosen, one, values, seed)
    return shown


def _picture(methods: Sequence[Method], one: Batch, values: PictureValues, seed: int) -> ReportPicture:
    name = one.name[0]
    results = {method.name: predict(method, one, seed)[0] for method in methods}
    measured = {method: dict(pictures[name]) for method, pictures in values.items() if name in pictures}
    return ReportPicture(
        name=name,
        truth=to_picture(one.truth[0]),
        hole=one.mask[0, 0].cpu().numpy() > 0.5,
        results={method: to_picture(done[name]) for method, done in results.items() if done},
        values=measured,
    )
