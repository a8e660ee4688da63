"""The service's `/v1/inpaint` with Python's own library alone: picture and mask in, repaired picture out."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping

ADDRESS = "http://127.0.0.1:7860"


class ServiceError(Exception):
    """The service is not there, or says why it does not repair; the message is for people."""


def repair(
    picture: bytes,
    mask: bytes,
    address: str = ADDRESS,
    token: str = "",
    options: Mapping[str, object] | None = None,
    seconds: float = 600,
) -> bytes:
    """The repaired picture as PNG.

    Args:
        picture: of any format that the service reads.
        mask: of the same size, white is the hole.
        address: of the service.
        token: that it asks for, if it does.
        options: of `latent_inpaint.inpaint`, such as `dilate`.
        seconds: to wait for it.

    Raises:
        ServiceError: it cannot be reached, or refuses.
    """
    fields = {**(options or {}), "format": "png"}
    body, kind = _multipart(fields, {"image": picture, "mask": mask})
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    if not address.startswith(("http://", "https://")):
        raise ServiceError(f"{address}: expected an address such as {ADDRESS}")
    asked = urllib.request.Request(f"{address.rstrip('/')}/v1/inpaint", body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=seconds) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise ServiceError(_reason(error)) from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceError(f"No service at {address} ({reason}). Start it: latent-inpaint serve") from error


def _multipart(fields: Mapping[str, object], files: Mapping[str, bytes]) -> tuple[bytes, str]:
    border = uuid.uuid4().hex
    parts = []
    for name, value in fields.items():
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(f"{head}{value}\r\n".encode())
    for name, content in files.items():
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.png"\r\n'
        parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{border}--\r\n".encode()]), f"multipart/form-data; boundary={border}"


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return f"The service refuses: {json.loads(error.read())['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"The service answered {error.code}."
