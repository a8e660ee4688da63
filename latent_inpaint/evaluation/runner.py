"""One pass over the pictures: every method on every picture, every metric of every result."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.journal import Journal
from latent_inpaint.evaluation.methods import Method
from latent_inpaint.metrics.suite import MetricSuite
from latent_inpaint.models.choosing import best_of
from latent_inpaint.models.inpainter import draws
from latent_inpaint.models.seeds import generator_for

log = logging.getLogger(__name__)


class EvaluationInterrupted(KeyboardInterrupt):
    """The user stopped the evaluation; the message says what is kept."""


@dataclass
class Pass:
    """What a pass over the pictures found besides the metrics.

    Attributes:
        pictures: number of pictures that the loader gave.
        masks_sha256: of the masks' bits, packed, in the loader's order.
        seconds: that each method took, by name.
        failed: by method, the pictures that it failed on, with the reason.
    """

    pictures: int = 0
    masks_sha256: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)


def evaluate(
    methods: Sequence[Method],
    loader: Iterable[Batch],
    suite: MetricSuite,
    card: Mapping[str, Any],
    journal: Journal | None = None,
    progress: Callable[[int], None] = lambda pictures: None,
    seed: int = 0,
    measured: Mapping[str, float] | None = None,
    samples: int = 1,
) -> list[dict[str, Any]]:
    """Measure methods on the same pictures and masks and return their rows, in the format of `metrics.json`.

    A picture that a method fails on is counted and named in its row; the others go on.

    Args:
        methods: with names that differ.
        loader: gives every picture once, in the same order each time.
        suite: where the values are collected; it has all of them afterwards, picture by picture.
        card: what makes the rows comparable, common to all; see `latent_inpaint.evaluation.card`.
        journal: keeps the values until the caller has written the results and removes it.
        progress: told the number of pictures of each batch that is done.
        seed: of methods that draw.
        measured: seconds of methods whose values `suite` has already, by name.
        samples: fills of each picture by methods that draw; above 1, their diversity is measured, too.

    Raises:
        ValueError: two methods have the same name, or the loader has no pictures.
        EvaluationInterrupted: by Ctrl-C; everything measured so far is in the journal.
    """
    names = check_names(methods)
    found = Pass(seconds=dict.fromkeys(names, 0.0), failed={name: {} for name in names})
    found.seconds |= measured or {}
    if journal is not None:
        found.seconds |= journal.restore(suite)
    try:
        _run(methods, loader, suite, found, journal, progress, seed, samples=samples)
    except KeyboardInterrupt:
        raise _interrupted(suite, found, journal) from None
    if found.pictures == 0:
        raise ValueError("loader: expected at least one picture, got none")
    if journal is not None:
        journal.save_now_and_then(suite, found.seconds, now=True)
    return [_row(method, suite, found, card, seed, samples) for method in methods]


def measure_part(
    methods: Sequence[Method],
    loader: Iterable[Batch],
    suite: MetricSuite,
    journal: Journal,
    done: Mapping[str, set[str]],
    progress: Callable[[int], None] = lambda pictures: None,
    seed: int = 0,
    samples: int = 1,
) -> None:
    """Measure a process's share of the pictures, and leave it in a journal of its own.

    Args:
        methods: with names that differ.
        loader: gives the share.
        suite: where the values are collected.
        journal: of this process.
        done: names of the pictures that need not be measured, by method.
        progress: told the number of pictures of each batch that is done.
        seed: of methods that draw.
        samples: see `evaluate`.

    Raises:
        EvaluationInterrupted: by Ctrl-C; everything measured so far is in the journal.
    """
    names = check_names(methods)
    found = Pass(seconds=dict.fromkeys(names, 0.0), failed={name: {} for name in names})
    try:
        _run(methods, loader, suite, found, journal, progress, seed, done, samples)
    except KeyboardInterrupt:
        raise _interrupted(suite, found, journal) from None
    journal.save(suite, found.seconds)


def check_names(methods: Sequence[Method]) -> list[str]:
    """The methods' names; a ValueError unless there is at least one and all differ."""
    names = [method.name for method in methods]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"methods: expected at least one, with names that differ, got {names}")
    return names


def predict(
    method: Method, batch: Batch, seed: int = 0, sample: int = 0
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Composites of one method by picture name, and the reasons why it failed on other pictures.

    The pictures of a batch on which the method fails are tried one by one. A method that draws sees every
    picture alone, with a generator of the seed and the picture's name: neither the batch nor the order nor
    the process plays a part. `sample` is the number of its fill. One that looks pictures up (`by_name =
    True`) is given their names.
    """
    drawn: dict[str, Any] = {"names": batch.name} if getattr(method, "by_name", False) else {}
    if draws(method):
        if len(batch.name) > 1:
            return _one_by_one(method, batch, seed, sample)
        number = (sample,) if sample else ()
        drawn = {"generator": generator_for(seed, batch.name[0], *number)}
    try:
        shown = batch.truth if getattr(method, "sees_truth", False) else batch.image
        prediction = method(shown, batch.mask, **drawn)
        pictures = batch.filled(prediction)
    except Exception as error:  # whatever a method of anybody's raises
        if len(batch.name) == 1:
            return {}, {batch.name[0]: f"{type(error).__name__}: {error}"}
        return _one_by_one(method, batch, seed, sample)
    finite = torch.isfinite(pictures).flatten(1).all(dim=1).tolist()
    kept = {name: picture for name, picture, good in zip(batch.name, pictures, finite) if good}
    return kept, {name: "NaN or infinite pixels" for name in batch.name if name not in kept}


def _one_by_one(
    method: Method, batch: Batch, seed: int, sample: int
) -> tuple[dict[str, Tensor], dict[str, str]]:
    done: dict[str, Tensor] = {}
    failed: dict[str, str] = {}
    for i in range(len(batch.name)):
        filled, reasons = predict(method, batch.part([i]), seed, sample)
        done |= filled
        failed |= reasons
    return done, failed


def _run(
    methods: Sequence[Method],
    loader: Iterable[Batch],
    suite: MetricSuite,
    found: Pass,
    journal: Journal | None,
    progress: Callable[[int], None],
    seed: int,
    elsewhere: Mapping[str, set[str]] | None = None,
    samples: int = 1,
) -> None:
    done = {m.name: suite.done(m.name) | (elsewhere or {}).get(m.name, set()) for m in methods}
    masks = hashlib.sha256()
    for batch in loader:
        for mask in batch.mask:
            masks.update(np.packbits(mask.cpu().numpy() > 0.5).tobytes())
        for method in methods:
            todo = [i for i, name in enumerate(batch.name) if name not in done[method.name]]
            if todo:
                _measure(method, _part(batch, todo), suite, found, seed, samples)
        found.pictures += len(batch.name)
        progress(len(batch.name))
        if journal is not None:
            journal.save_now_and_then(suite, found.seconds)
    found.masks_sha256 = masks.hexdigest()


def _measure(method: Method, batch: Batch, suite: MetricSuite, found: Pass, seed: int, samples: int) -> None:
    started = time.perf_counter()
    composites, failed = predict(method, batch, seed)
    found.seconds[method.name] += time.perf_counter() - started
    for name, reason in failed.items():
        log.warning("%s failed on %s: %s", method.name, name, reason)
    found.failed[method.name] |= failed
    if composites:
        good = _part(batch, [i for i, name in enumerate(batch.name) if name in composites])
        pictures = torch.stack([composites[name] for name in good.name])
        suite.update(pictures, good.truth, good.mask, good.name, method=method.name)
        if samples > 1 and draws(method):
            for i, name in enumerate(good.name):
                _draw_more(method, good.part([i]), composites[name], suite, seed, samples)


def _draw_more(
    method: Method, one: Batch, first: Tensor, suite: MetricSuite, seed: int, samples: int
) -> None:
    """Measure several fills of a picture; the time that the others take is nobody's."""
    name, drawn = one.name[0], [first]
    for sample in range(1, samples):
        more, failed = predict(method, one, seed, sample)
        if failed:
            log.warning("%s failed on %s, sample %d: %s", method.name, name, sample, failed[name])
            return
        drawn.append(more[name])
    pictures = torch.stack(drawn)
    chosen = best_of(pictures, one.mask, getattr(method, "model", None))
    suite.add_samples(pictures, one.truth, one.mask, name, method.name, chosen)


def _part(batch: Batch, indices: Sequence[int]) -> Batch:
    return batch if len(indices) == len(batch.name) else batch.part(indices)


def _interrupted(suite: MetricSuite, found: Pass, journal: Journal | None) -> EvaluationInterrupted:
    if journal is None:
        return EvaluationInterrupted(f"Stopped after {found.pictures} pictures; nothing is kept")
    journal.save(suite, found.seconds)
    kept = f"results so far are kept in {journal.path}"
    return EvaluationInterrupted(
        f"Stopped after {found.pictures} pictures; {kept}; evaluating the same again goes on"
    )


def _row(
    method: Method, suite: MetricSuite, found: Pass, card: Mapping[str, Any], seed: int, samples: int
) -> dict[str, Any]:
    name = method.name
    measured = len(suite.done(name))
    summary = suite.compute(name) if measured else {"metrics": {}}
    own: dict[str, Any] = getattr(method, "card", dict)()
    if draws(method):
        own |= {"seed": seed, "samples": samples}
    failed = found.failed[name]
    counts = {"n_images": measured, "n_failed": len(failed), "failed": dict(sorted(failed.items()))}
    timing = {"seconds_per_image": found.seconds[name] / max(1, measured + len(failed))}
    masks = dict(card.get("masks", {})) | {"rendered_sha256": found.masks_sha256}
    facts = {**card, "masks": masks, "timing": {**card.get("timing", {}), **timing}}
    return {
        "method": name,
        **summary,
        "card": {"implementation": _class_of(method), **own, **counts, **facts},
    }


def _class_of(method: Method) -> str:
    return f"{type(method).__module__}.{type(method).__qualname__}"
