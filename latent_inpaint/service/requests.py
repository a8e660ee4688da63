"""Bodies of requests: multipart or JSON with base64, read in memory, in full, or refused in words."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from latent_inpaint.service.limits import Limits, Refused

Checked = TypeVar("Checked", bound=BaseModel)
_FIELD_BYTES = 64 * 1024


async def read_body(request: Request, limits: Limits, files: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a request; those that `files` names as bytes, if they are there.

    Raises:
        Refused: it is neither multipart nor JSON, or damaged.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, limits, files)
    if kind != "application/json":
        raise Refused(415, "send multipart/form-data, or application/json with pictures in base64")
    body = await read_json(request)
    for name in files:
        if body.get(name) is not None:
            body[name] = from_base64(body[name], name)
    return body


async def read_json(request: Request) -> dict[str, Any]:
    """A JSON object; `Refused` if the body is none."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return body


def from_base64(text: object, name: str) -> bytes:
    """The bytes of base64, or of a data URL of it; `Refused` if it is neither."""
    if not isinstance(text, str):
        raise Refused(422, f"{name}: base64 or a data URL is expected, got {type(text).__name__}")
    head, comma, data = text.partition(",")
    if comma and not (head.startswith("data:") and head.endswith(";base64")):
        raise Refused(422, f"{name}: only data URLs of base64 are read")
    try:
        return base64.b64decode("".join((data if comma else text).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(422, f"{name}: no base64") from None


def checked(kind: type[Checked], values: Mapping[str, Any]) -> Checked:
    """Values as a model of pydantic; `Refused` names what is wrong."""
    try:
        return kind.model_validate(dict(values))
    except (ValidationError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise Refused(422, "the values are nested too deeply") from None
        found = [(".".join(map(str, entry["loc"])), entry["msg"]) for entry in error.errors()[:5]]
        raise Refused(422, "; ".join(f"{name[:60]}: {message}" for name, message in found)) from None


async def _read_form(request: Request, limits: Limits, files: tuple[str, ...]) -> dict[str, Any]:
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=len(files), max_fields=40, max_part_size=_FIELD_BYTES
    )
    parser.spool_max_size = limits.upload_mib * 2**20 + 1  # never on the disk
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, HTTPException, KeyError, ValueError) as error:
        reason = getattr(error, "message", "") or "damaged"
        raise Refused(400, f"multipart: {reason}") from None
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) != (name in files):
            expected = "a file" if name in files else "a value"
            raise Refused(422, f"{name[:60]}: {expected} is expected")
        fields[name] = await value.read() if isinstance(value, UploadFile) else value
    await form.close()
    options = fields.pop("options", None)
    if options is not None:
        fields["options"] = json_of(options, "options")
    return fields


def json_of(text: str, name: str) -> Any:
    """The value of a field of JSON; `Refused` if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(422, f"{name}: no JSON") from None
