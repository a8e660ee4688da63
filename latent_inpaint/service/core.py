"""What the addresses of the service share: networks, limits, jobs; a job's start and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from latent_inpaint.inference.segmenting import Segmenter
from latent_inpaint.service import work
from latent_inpaint.service.jobs import ENDED, Job, Jobs
from latent_inpaint.service.limits import Limits, Refused
from latent_inpaint.service.metrics import Metrics
from latent_inpaint.service.requests import checked, read_body
from latent_inpaint.service.shelf import Shelf

_POLL = 0.03


class Service:
    """What the addresses share.

    Args:
        shelf: the networks.
        limits: of requests and jobs.
        metrics: where they are counted.
        segmenter: finds the object under a point; None where the service has none.
    """

    def __init__(
        self, shelf: Shelf, limits: Limits, metrics: Metrics, segmenter: Segmenter | None = None
    ) -> None:
        self.shelf, self.limits, self.metrics, self.segmenter = shelf, limits, metrics, segmenter
        self.jobs = Jobs(limits, metrics)

    async def start(self, request: Request) -> Job:
        """A job that fills the hole of a request."""
        body = await read_body(request, self.limits, ("image", "mask"))
        image, mask = body.pop("image", None), body.pop("mask", None)
        options = checked(work.Options, with_options(body))
        return await self.start_with(image, mask, options)

    async def start_with(self, image: bytes | None, mask: bytes | None, options: work.Options) -> Job:
        """A job that fills the hole of a picture; what can be said of it without decoding is said now."""
        name = self.shelf.checked(options.model)
        if options.samples > self.limits.samples:
            raise Refused(422, f"samples: at most {self.limits.samples}, got {options.samples}")
        if mask is None and not options.mask_from_alpha:
            raise Refused(422, "mask: a mask is needed, or mask_from_alpha")
        for content, what in ((image, "picture"), (mask, "mask")):
            if what == "picture" or content is not None:
                await run_in_threadpool(work.check_picture, content or b"", what, self.limits)

        def run() -> work.Encoded:
            job.report("loading the network", 0, 1)
            pipeline = self.shelf.get(name)
            return work.inpaint(image or b"", mask, options, pipeline, self.limits, job.report)

        job = self.jobs.submit(run, len(image or b"") + len(mask or b""))
        return job

    async def result(self, request: Request, job: Job) -> work.Encoded:
        """Wait for a job and take its result; if the client goes away, its place is free."""
        try:
            while job.state not in ENDED:
                if await request.is_disconnected():
                    raise Refused(499, "the client went away")
                await asyncio.sleep(_POLL)
            return result_of(job)
        finally:
            self.jobs.drop(job)

    async def small(self, request: Request, run: Callable[[], work.Encoded], size: int) -> Response:
        """The file that a short work gives."""
        job = self.jobs.submit(run, size)
        done = await self.result(request, job)
        return Response(done.files[0], media_type=done.type, headers=headers_of(job, done))


async def load_network(request: Request, service: Service, name: str) -> None:
    """Load a network in its turn and make it the current one."""
    service.shelf.checked(name)

    def run() -> work.Encoded:
        service.shelf.get(name)
        return work.Encoded([], "")

    await service.result(request, service.jobs.submit(run))
    service.shelf.current = name


def result_of(job: Job) -> work.Encoded:
    """The result of a job that has ended; `Refused` if it has none."""
    if job.error is not None:
        raise job.error
    if job.state != "done":
        raise Refused(503, "the job was cancelled")
    done: work.Encoded = job.result
    return done


def headers_of(job: Job, done: work.Encoded) -> dict[str, str]:
    """Seed, seconds and warnings, as headers."""
    headers = {"X-Seed": str(done.seed), "X-Seconds": f"{job.seconds:.3f}", "cache-control": "no-store"}
    return headers | ({"X-Warnings": quote(json.dumps(job.warnings))} if job.warnings else {})


def with_options(body: dict[str, Any]) -> dict[str, Any]:
    """The options of a body, be they in its field `options` or beside it."""
    given = body.pop("options", {})
    if not isinstance(given, dict):
        raise Refused(422, "options: an object is expected")
    return {**given, **body}
