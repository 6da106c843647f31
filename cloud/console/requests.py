"""The request inspector: what programs ask of Google's APIs, as they ask it."""

import json
import shlex
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime

from aiohttp import web

from cloud.console.commands import command_of, grouped, is_refused
from cloud.console.live import COMMENT, event, place_seen, send
from cloud.console.rendering import fragment, page
from cloud.emulator.recorder import LONGEST_BODY, RecordedCall, Recorder
from cloud.engine.project.roles import roles_with
from cloud.errors import NotFound, PermissionDenied

MOST_SHOWN = 300
_PLUMBING = ("metadata.", "oauth2.", "discovery.")
"""Beginnings of the ids of methods that every client calls before it begins."""


class RequestPages:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/requests", self.list),
            web.get("/requests/events", self.events),
            web.get(r"/requests/{number:\d{1,18}}", self.request),
        ]

    async def list(self, request: web.Request) -> web.Response:
        last = self._recorder.last
        calls = list(filter(_wanted(request), self._recorder.calls))[-MOST_SHOWN:]
        return page(
            request,
            "requests.html",
            groups=grouped(calls),
            dropped=self._recorder.dropped,
            show=request.query.get("show", ""),
            words=request.query.get("contains", ""),
            query=request.query_string,
            last=last,
            most=MOST_SHOWN,
            is_refused=is_refused,
        )

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Each request after the last one that the page has, as a row, and as a group for one that begins."""
        return await send(request, self._events(request, place_seen(request, before_all=self._recorder.last)))

    async def _events(self, request: web.Request, last: int) -> AsyncGenerator[bytes, None]:
        wanted = _wanted(request)
        yield COMMENT
        async for calls in self._recorder.follow(last):
            shown = [self._event(request, call) for call in calls if wanted(call)]
            if shown:
                yield b"".join(shown)

    def _event(self, request: web.Request, call: RecordedCall) -> bytes:
        group = grouped([call])[0]
        macros = "requests_macros.html"
        change = {
            "number": call.number,
            "key": group.command.key,
            "row": fragment(request, macros, "row", call=call, is_refused=is_refused),
            "group": fragment(request, macros, "section", group=group, is_refused=is_refused),
        }
        return event("call", change, call.number)

    async def request(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        call = self._recorder.find(number)
        if call is None:
            raise NotFound(f"Request {number} is not kept any more, or has not come yet.")
        failure = call.failure if isinstance(call.failure, PermissionDenied) else None
        return page(
            request,
            "request.html",
            call=call,
            command=command_of(call),
            time=datetime.fromtimestamp(call.time, UTC),
            sent=_pretty(call.sent),
            answered=_pretty(call.answered),
            longest=LONGEST_BODY,
            permission=failure.permission if failure else "",
            grant=failure.grant if failure else "",
            roles=roles_with(failure.permission) if failure and failure.permission else [],
            curl=curl(call),
            is_refused=is_refused,
        )


def curl(call: RecordedCall) -> str:
    """The request in a terminal of this cloud (``cloud.serve env``); of objects without their bytes."""
    words = ["curl"]
    if call.http_method != "GET":
        words.append(f"-X {call.http_method}")
    words.append('-H "Authorization: Bearer $(python -m cloud.serve token)"')
    if call.sent:
        words.append("-H 'Content-Type: application/json'")
        words.append(f"-d {shlex.quote(call.sent.decode(errors='replace'))}")
    if call.host in ("127.0.0.1", "localhost"):
        words.append(f'"$STORAGE_EMULATOR_HOST"{shlex.quote(call.path)}')
    else:
        words.append(shlex.quote(f"https://{call.host}{call.path}"))
    return " ".join(words)


def _wanted(request: web.Request) -> Callable[[RecordedCall], bool]:
    """Which calls the page's form asks for."""
    show, words = request.query.get("show", ""), request.query.get("contains", "").lower()

    def wanted(call: RecordedCall) -> bool:
        if show == "refused" and not is_refused(call):
            return False
        if show == "" and call.method_id.startswith(_PLUMBING) and not is_refused(call):
            return False
        return words in f"{call.method_id} {call.path}".lower()

    return wanted


def _pretty(body: bytes | None) -> str:
    if not body:
        return ""
    text = body.decode(errors="replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
