"""The server's four addresses, and what stands before them: a key, a host, a size, and one sentence for every error."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

from evenhand.deploying.serving.refused import Refused
from evenhand.deploying.serving.service import Service
from evenhand.deploying.serving.settings import SECONDS_TO_SEND, is_loopback
from evenhand.recorded.finished import read
from evenhand.reporting.author import author_html

DRAINED = 4  # times the limit that is read and dropped: a client that still sends does not hear an answer
PATHS = ("/predict", "/health", "/metrics", "/card")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Model card</title><style>body{{font:16px/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;
padding:0 1rem;color:#1a1a1a;background:#fff;overflow-wrap:anywhere}}
table{{border-collapse:collapse;display:block;overflow-x:auto}}
th,td{{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd}}
pre{{background:#f5f5f5;padding:.8rem;overflow-x:auto}}</style></head><body>
{body}</body></html>
"""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


def app_of(service: Service, key: str | None) -> Any:
    """The application, for an ASGI server: FastAPI with four addresses and no page that loads anything."""
    from fastapi import FastAPI, Request, Response
    from starlette.exceptions import HTTPException

    app = FastAPI(title="evenhand", docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False

    async def predict(request: Request) -> Any:
        body = await _body(request, int(service.settings.megabytes * 1_000_000))
        return _json(await service.predict(body, request.headers.get("content-type", "")))

    async def health(_: Request) -> Any:
        return _json(
            {"live": True, "ready": service.ready, "model": service.identity, "recipe": service.recipe.full_name}
        )

    async def metrics(_: Request) -> Any:
        text, kind = service.meters.text()
        return Response(text, media_type=kind)

    async def card(request: Request) -> Any:
        return _card(service, request.headers.get("accept", ""))

    async def refused(_: Request, error: Exception) -> Any:
        return _refusal(error if isinstance(error, Refused) else Refused(500, _fault(error)))

    async def elsewhere(_: Request, error: Exception) -> Any:
        return _json({"error": _said(getattr(error, "status_code", 404))}, getattr(error, "status_code", 404))

    app.add_route("/predict", predict, methods=["POST"])
    app.add_route("/health", health, methods=["GET"])
    app.add_route("/metrics", metrics, methods=["GET"])
    app.add_route("/card", card, methods=["GET"])
    app.add_exception_handler(HTTPException, elsewhere)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(Exception, refused)
    return Door(app, service, key)


class Door:
    """Lets in whoever may ask, counts every answer, and makes a sentence of every error."""

    def __init__(self, app: Any, service: Service, key: str | None) -> None:
        self._app, self._service, self._key = app, service, key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        began, status = time.perf_counter(), 0  # 0: nothing was sent yet

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, sending)
        except Exception as error:  # whoever asked gets a sentence, and no traceback
            if not status:
                refusal = error if isinstance(error, Refused) else Refused(500, _fault(error))
                await _refusal(refusal)(scope, receive, sending)
        path = scope["path"] if scope["path"] in PATHS else "other"
        self._service.meters.answered(path, status, time.perf_counter() - began)

    def _check(self, scope: Any) -> None:
        """Refused where the key is not there, or where another site's page asks through somebody's browser."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if self._key is not None:
            given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
            right = hmac.compare_digest(given.strip().encode("latin-1"), self._key.encode())
            if not right and scope["path"] != "/health":
                raise Refused(401, "this server asks for a key; send it as 'Authorization: Bearer KEY'")
        elif self._service.settings.loopback:
            host = headers.get("host", "")
            if not is_loopback(_name(host)) or _name(headers.get("origin", host).partition("://")[2] or host) != _name(
                host
            ):
                raise Refused(403, "this server answers this machine alone; ask for it as http://127.0.0.1")


def _name(host: str) -> str:
    """A host without its port.

    >>> _name("127.0.0.1:8000"), _name("[::1]:8000"), _name("localhost")
    ('127.0.0.1', '::1', 'localhost')
    """
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


async def _body(request: Any, most: int) -> bytes:
    """A request's body; Refused where it is too large, too slow, or not whole."""
    from starlette.requests import ClientDisconnect

    large = Refused(413, f"the request is larger than {most / 1e6:g} MB; send fewer rows at once, or smaller images")
    told = request.headers.get("content-length", "")
    parts, size = [], 0
    try:
        async with asyncio.timeout(SECONDS_TO_SEND):
            if told.isdigit() and int(told[:20]) > most * DRAINED:
                raise large
            async for part in request.stream():
                size += len(part)
                if size <= most:
                    parts.append(part)
                elif size > most * DRAINED:
                    raise large
            if size > most:
                raise large
    except TimeoutError:
        raise Refused(408, f"the request did not come whole in {SECONDS_TO_SEND} seconds; send it again") from None
    except ClientDisconnect:
        raise Refused(400, "the request was cut off; send it again") from None
    return b"".join(parts)


def _card(service: Service, accept: str) -> Any:
    """The model card: Markdown, or a page where a browser asks."""
    from fastapi import Response

    text = read(service.run.path, "README.md").decode("utf-8", "replace")
    if "text/html" not in accept:
        return Response(text, media_type="text/markdown")
    if text.startswith("---\n"):  # the head is for the hub
        text = text.partition("\n---\n")[2]
    return Response(PAGE.format(body=author_html(text)), media_type="text/html")


def _refusal(error: Refused) -> Any:
    reply = _json({"error": str(error)}, error.status)
    if error.status == 401:
        reply.headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        reply.headers["Retry-After"] = "1"
    if error.status in (408, 413):  # what is still to come of the body is not read
        reply.headers["Connection"] = "close"
    return reply


def _json(content: Any, status: int = 200) -> Any:
    import json

    from fastapi import Response

    text = json.dumps(content, ensure_ascii=False, default=str, allow_nan=False)
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")


def _fault(error: Exception) -> str:
    return f"a fault of evenhand itself, please report it: {type(error).__name__}"


def _said(status: int) -> str:
    if status == 405:
        return "this address is asked otherwise: POST /predict, GET /health, /metrics and /card"
    return f"there is no such address; there are {', '.join(PATHS)}"
