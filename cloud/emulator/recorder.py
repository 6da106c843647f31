"""``Recorder``: the latest requests with their answers, for whoever wants to see what his programs ask of Google."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from cloud.errors import CloudError, PermissionDenied

MOST_CALLS = 1000
MOST_BYTES = 16 << 20
"""Of all bodies together."""
LONGEST_BODY = 64 << 10
_LONGEST_TEXT = 2000
_SECRET_PARAMETERS = re.compile(
    r"([?&](?:access_token|oauth_token|id_token|key|upload_id|(?:X-Goog-|X-Amz-)?Signature)=)[^&]*", re.I
)
_SECRET_METHODS = ("oauth2.", "metadata.", "iamcredentials.", "iam.projects.serviceAccounts.keys.")
"""Beginnings of ids: what is sent or answered is a credential."""


@dataclass(slots=True, eq=False)  # not frozen: it is filled while the request is handled
class RecordedCall:
    """One request and its answer, without credentials."""

    number: int
    """Counts from 1."""
    time: float
    """When it came, in seconds since 1970."""
    http_method: str
    host: str
    path: str
    """With its query."""
    agent: str
    """The client's ``User-Agent``."""
    job_id: str
    """Of the job whose program made it; empty if none did."""
    seconds: float = 0.0
    method_id: str = ""
    """Google's; empty if there is no such method."""
    caller: str = ""
    """The caller's e-mail address; empty for an anonymous one."""
    status: int = 0
    """Of HTTP; 0 while it is handled, and if the client went or the connection was cut."""
    sent: bytes | None = field(default=None, repr=False)
    """The body, if an API read it whole; of objects and of credentials nothing is kept."""
    answered: bytes | None = field(default=None, repr=False)
    sent_bytes: int = 0
    answered_bytes: int = 0
    """Their sizes, also where nothing is kept."""
    failure: CloudError | None = None
    """Why it was refused."""

    @property
    def kept(self) -> int:
        """Bytes of the bodies."""
        return (len(self.sent) if self.sent else 0) + (len(self.answered) if self.answered else 0)


RECORD = web.RequestKey("record", RecordedCall)
"""Key of a request's call; absent where nothing is recorded."""


class Recorder:
    """Keeps the latest calls, in memory only.

    Args:
        most_calls: at most so many.
        most_bytes: at most so many bytes of their bodies.
    """

    def __init__(self, most_calls: int = MOST_CALLS, most_bytes: int = MOST_BYTES) -> None:
        self._most_calls, self._most_bytes = most_calls, most_bytes
        self._calls: deque[RecordedCall] = deque()
        self._count = 0
        self._bytes = 0
        self._news: asyncio.Event | None = None

    @property
    def calls(self) -> list[RecordedCall]:
        """Those that are kept, in the order in which they ended."""
        return list(self._calls)

    @property
    def dropped(self) -> int:
        """How many ended, and are not kept any more."""
        return self._count - len(self._calls)

    def find(self, number: int) -> RecordedCall | None:
        return next((call for call in self._calls if call.number == number), None)

    @property
    def last(self) -> int:
        """The number of the call that ended last; 0 before the first."""
        return self._count

    async def follow(self, last: int) -> AsyncIterator[list[RecordedCall]]:
        """The calls that end after the one numbered ``last`` and are still kept, in groups, for ever."""
        last = min(last, self._count)  # a page of a cloud that is gone may know of more
        while True:
            while self._count == last:
                self._news = self._news or asyncio.Event()
                await self._news.wait()
            new = [call for call in self._calls if call.number > last]
            last = self._count
            yield new

    def begin(self, request: web.Request, host: str, job_id: str) -> RecordedCall:
        """A request has come: its call, to be filled and given to ``end``."""
        # As it was sent: to parse and to quote it again would take longer than all else here.
        headers, path = request.headers, request.raw_path
        if not path.startswith("/"):  # with the host, as proxies get it
            path = request.path_qs
        if "?" in path and _may_have_secrets(path):
            path = _SECRET_PARAMETERS.sub(r"\1REDACTED", path)
        agent = headers.get(hdrs.USER_AGENT, "")[:_LONGEST_TEXT]
        call = request[RECORD] = RecordedCall(0, time.time(), request.method, host, path[:_LONGEST_TEXT], agent, job_id)
        return call

    def refused(self, host: str, port: int) -> None:
        """A client asked for a host that nobody serves here."""
        why = f"{host}:{port} is not one of Google's APIs, and this cloud is offline"
        call = RecordedCall(0, time.time(), hdrs.METH_CONNECT, host, f":{port}", "", "")
        call.status, call.failure = 403, PermissionDenied(why)
        self._keep(call)

    def end(self, call: RecordedCall, response: web.StreamResponse | None) -> None:
        """Keep ``call``; ``response`` is None if there was none."""
        call.seconds = time.time() - call.time
        if response is not None:
            call.status = response.status
            body = response.body if isinstance(response, web.Response) else None
            if isinstance(body, bytes):
                call.answered_bytes = len(body)
                call.answered = body[:LONGEST_BODY]
            else:
                call.answered_bytes = response.body_length
        if call.sent:
            call.sent_bytes = len(call.sent)
            call.sent = bytes(call.sent[:LONGEST_BODY])
        if call.method_id.startswith(_SECRET_METHODS):
            call.sent = call.answered = None
        self._keep(call)

    def _keep(self, call: RecordedCall) -> None:
        self._count = call.number = self._count + 1
        self._calls.append(call)
        self._bytes += call.kept
        while len(self._calls) > self._most_calls or self._bytes > self._most_bytes:
            self._bytes -= self._calls.popleft().kept
        if self._news is not None:
            self._news.set()
            self._news = None


def _may_have_secrets(path: str) -> bool:
    """Whether ``_SECRET_PARAMETERS`` is worth its time: a microsecond of each request."""
    path = path.lower()
    return "token=" in path or "key=" in path or "upload_id=" in path or "signature=" in path
