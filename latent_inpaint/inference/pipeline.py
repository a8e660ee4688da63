"""`latent_inpaint.load`, and the pipeline that it gives: a model ready to repair pictures of every kind."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latent_inpaint.files import write_text
from latent_inpaint.inference import hub
from latent_inpaint.inference.canvas import open_canvas
from latent_inpaint.inference.cards import CARD_NAME, hub_card, read_metrics, without_folders
from latent_inpaint.inference.device import (
    device_of,
    pick_device,
    pick_precision,
    precision_named,
    survive_forks,
)
from latent_inpaint.inference.fill import FillOptions, fill
from latent_inpaint.inference.loading import read_model
from latent_inpaint.inference.mask import THRESHOLD, read_hole, warn_about
from latent_inpaint.inference.memory import budget_for
from latent_inpaint.inference.progress import Progress, as_progress
from latent_inpaint.inference.refinement import RefinementOptions
from latent_inpaint.inference.several import best_canvas, check_choice, check_counts, is_several, repair_each
from latent_inpaint.models.inpainter import Inpainter, LatentModel, draws, keeps_within
from latent_inpaint.models.seeds import generator_for
from latent_inpaint.models.storage import save_model


class Pipeline:
    """A model, and in which precision it repairs pictures. Called, it is an inpainter as its model is.

    Args:
        model: any `Inpainter`: a network of ours, a classical method, a pipeline of another library.
        dtype: type in which its convolutions compute in `inpaint`.
        card: JSON values: what is known of where the weights come from.

    Raises:
        TypeError: a model that cannot be called.
    """

    def __init__(
        self,
        model: Inpainter,
        dtype: torch.dtype = torch.float32,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(model):
            raise TypeError(f"model must be called as model(image, mask), got {type(model).__name__}")
        self.model: Any = model  # networks have more than an Inpainter
        self.dtype = dtype
        self.card = dict(card or {})

    def __repr__(self) -> str:
        return f"Pipeline({type(self.model).__name__} on {self.place})"

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return device_of(self.model)

    @property
    def place(self) -> str:
        """Device and precision, such as `cpu in float32`."""
        return f"{self.device} in {str(self.dtype).removeprefix('torch.')}"

    @property
    def multiple(self) -> bool:
        """Whether the model draws, so that it has several fills for a hole."""
        return draws(self.model)

    def __call__(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The model's prediction, `[B, 3, H, W]` in [0, 1], in float32, on the image's device.

        Args:
            image: `[B, 3, H, W]` in [0, 1].
            mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
            generator: source of everything random, for a model that draws.

        Raises:
            TypeError: pictures of another kind, which `inpaint` takes.
        """
        if not (isinstance(image, Tensor) and isinstance(mask, Tensor)):
            kinds = f"{type(image).__name__} and {type(mask).__name__}"
            raise TypeError(f"image, mask: tensors are expected, got {kinds}; `inpaint` takes every picture")
        drawn = {} if generator is None else {"generator": generator}
        return self.model(image.to(self.device), mask.to(self.device), **drawn).to(image.device)

    def inpaint(
        self,
        image: Any,
        mask: Any,
        samples: int = 1,
        seed: int = 0,
        steps: int | None = None,
        *,
        threshold: float = THRESHOLD,
        invert_mask: bool = False,
        resize_mask: bool = False,
        dilate: int = 0,
        region_of_interest: bool = True,
        context: int | None = None,
        feather: int | None = None,
        membrane: bool | None = None,
        refine: bool | RefinementOptions | None = None,
        memory_budget: int | float | str | None = None,
        precision: str | None = None,
        progress: bool | Progress = False,
        choose: str | None = None,
        composite: bool = True,
    ) -> Any:
        """Repair the hole of a picture; every known pixel comes back bit for bit.

        Args:
            image: a picture, or several; see `latent_inpaint.inpaint`, also for all that follows.
            mask: its hole.
            samples: fills to draw; above 1, a list of them is returned.
            seed: of a model that draws; picture and sample i are the same for the same seed.
            steps: network calls of a sampler.
            threshold: of the mask.
            invert_mask: of the mask.
            resize_mask: of the mask.
            dilate: of the mask.
            region_of_interest: crops or the whole picture.
            context: of crops.
            feather: of the seam.
            membrane: correct the fill by its error on the rim.
            refine: optimise the latent.
            memory_budget: of activations.
            precision: None is this pipeline's.
            progress: how to report.
            choose: `best`: of the samples, the one with the least seam.
            composite: False: the model's picture as it is, known pixels included.
        """
        self.check_asked(samples, steps, memory_budget)
        check_choice(choose)
        n_results = samples if choose is None else 1
        options = FillOptions(
            region_of_interest=region_of_interest,
            context=context,
            feather=feather,
            membrane=membrane,
            refine=isinstance(refine, RefinementOptions) or refine,
            refinement=refine if isinstance(refine, RefinementOptions) else RefinementOptions(),
            budget=budget_for(self.device, memory_budget),
            dtype=self.dtype if precision is None else precision_named(precision),
            progress=as_progress(progress),
            steps=steps,
            composite=composite,
        )

        def repair(picture: Any, its_mask: Any) -> list[Any]:
            """The samples of one picture; each depends on the seed and its number alone."""
            canvases = []
            for sample in range(samples):
                canvas, restore = open_canvas(picture)
                if sample == 0:
                    hole = read_hole(
                        its_mask, canvas.size, threshold, invert_mask, resize_mask, dilate, canvas.source
                    )
                    warn_about(hole, stacklevel=5)
                if hole.any():
                    generator = generator_for(seed, sample) if self.multiple else None
                    fill(canvas, hole, self.model, replace(options, generator=generator))
                canvases.append(canvas)
            if choose is not None and hole.any():
                canvases = [best_canvas(canvases, hole, self.model)]
            return [restore(canvas) for canvas in canvases[:n_results]]

        results = repair_each(repair, image, mask, n_results) if is_several(image) else repair(image, mask)
        return results if n_results > 1 else results[0]

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        revision: str | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
    ) -> Pipeline:
        """A pipeline of a model folder, or of a network on the Hugging Face hub (extra `hub`).

        Args:
            name: a folder, or `owner/name`.
            revision: branch, tag or commit on the hub; None is the newest.
            device: as in `latent_inpaint.load`.
            precision: as in `latent_inpaint.load`.

        Raises:
            ImportError: huggingface_hub is missing.
            FileNotFoundError: nothing of that name.
            ValueError: no such name, or what it holds is no inpainting network.
        """
        if Path(name).is_dir():
            return load(name, device, precision)
        repository = f"{hub.PREFIX}{str(name).removeprefix(hub.PREFIX)}"
        return load(repository if revision is None else f"{repository}@{revision}", device, precision)

    def push_to_hub(
        self,
        name: str,
        licence: str,
        data: str | None = None,
        datasets: Sequence[str] = (),
        metrics: str | Path | None = None,
        limits: str | None = None,
        private: bool = True,
    ) -> str:
        """Upload the model with a full card to the Hugging Face hub (extra `hub`); return its address.

        Folders of this machine are left out of what is uploaded.

        Args:
            name: `owner/name`; the repository is made if it is new.
            licence: of the weights, as the hub calls it: `apache-2.0`, `cc-by-nc-4.0`, `other` …
            data: what it was trained on, in words; None is what the model's own card says.
            datasets: names of data sets on the hub.
            metrics: an evaluation's `metrics.json`; None is what the model's own card says, if anything.
            limits: what it cannot do.
            private: of a repository that is made.

        Raises:
            ImportError: huggingface_hub is missing.
            TypeError: the model is not made of registered parts.
            ValueError: no such name, no licence, or nobody says what it was trained on.
        """
        measured = None if metrics is None else read_metrics(metrics)
        told = {"data": data, "datasets": list(datasets), "limits": limits, "metrics": measured}
        card = without_folders(self.card) | {key: value for key, value in told.items() if value}
        for key, value in (("licence", licence), ("data", card.get("data"))):
            if not value or not isinstance(value, str):
                raise ValueError(f"{key}: the card on the hub has to say it, got {value!r}")
        card["licence"] = licence
        with tempfile.TemporaryDirectory() as folder:
            save_model(self.model, folder, card)
            write_text(Path(folder) / CARD_NAME, hub_card(hub.repository_of(name)[0], card))
            return hub.upload(folder, name, private)

    def check_asked(self, samples: int, steps: int | None, memory_budget: object = None) -> None:
        """Whether the model has a use for these options of `inpaint`: said before anything is computed.

        Raises:
            ValueError: it has none.
        """
        check_counts(samples, steps)
        name = type(self.model).__name__
        if samples > 1 and not self.multiple:
            raise ValueError(f"samples: {name} is a function with one fill for a hole, got {samples}")
        if steps is not None and not (self.multiple and isinstance(self.model, LatentModel)):
            raise ValueError(f"steps: {name} is not a sampler in latent space, got {steps}")
        if memory_budget is not None and not keeps_within(self.model):
            raise ValueError(f"memory_budget: what {name} needs is not known, it cannot be kept within one")


def load(
    source: str | Path | None = None, device: str | torch.device = "auto", precision: str = "auto"
) -> Pipeline:
    """A model ready to repair pictures, in eval mode.

    Args:
        source: a model folder, a run's folder or checkpoint, a LaMa folder, zip or TorchScript file, or
            `hf://owner/name`; or a name (a folder of that name is `./fast`): `fast`, the package's network;
            `quality` (None), with texture copied to where it says; `patchmatch`, `telea`, `navier_stokes`.
        device: `auto` (CUDA, else MPS, else CPU), `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: what `inpaint` computes in: `auto`, `float32` or `bfloat16`. Calls of the pipeline and of
            its model are not affected.

    Raises:
        FileNotFoundError: nothing is there.
        ImportError: the library of a method without weights is missing (extra `classical`).
        ValueError: what is there is no inpainting network, is damaged, or would run code.
    """
    survive_forks()
    place = pick_device(device)
    model, card = read_model(source)
    dtype = pick_precision(precision, place, model)
    return Pipeline(model.to(place).requires_grad_(False), dtype, card)
