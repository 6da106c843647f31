"""Parses the first request on a proxy connection. Pure."""

import re
from dataclasses import dataclass

from cloud.gateway import hosts
from cloud.gateway.http2 import PREFACE

_HOST = rb"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])"
_CONNECT = re.compile(rb"CONNECT " + _HOST + rb":([0-9]{1,5}) HTTP/1\.[01]\r?\n")
_ABSOLUTE = re.compile(
    rb"(?!CONNECT )[A-Z]{1,20} ([a-z]{2,10})://" + _HOST + rb"(?::([0-9]{1,5}))?(?:[/?][^ \r\n]*)? HTTP/1\.[01]\r?\n"
)
_USER_AGENT = re.compile(rb"\nuser-agent:[ \t]*([!-~][ -~]{0,59})", re.IGNORECASE)
_ORIGIN = re.compile(rb"[A-Z]{1,20} (?:/[^ \r\n]*|\*) HTTP/1\.[01]\r?\n")


@dataclass(frozen=True, slots=True)
class Tunnel:
    """``CONNECT`` to one of Google's hosts: terminate its TLS."""

    host: str
    user_agent: str = ""
    """Empty if the client sends none."""


@dataclass(frozen=True, slots=True)
class Serve:
    """A plain HTTP request to the gateway's own address, the metadata server or one of Google's hosts."""

    once: bool
    """Close after one response: the next absolute-form request may be for any host."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """A request for a host that is not Google's."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Http2:
    """HTTP/2 without negotiation ("prior knowledge", RFC 9113 §3.3)."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not an HTTP/1 request."""

    reason: str


def parse(head: bytes) -> Tunnel | Serve | Refuse | Http2 | Malformed:
    """Classify a request by the request line of ``head``."""
    if match := _CONNECT.match(head):
        host, port = match[1].decode(), int(match[2])
        if not hosts.is_google(host, port):
            return Refuse(host.lower(), port)
        agent = _USER_AGENT.search(head)
        return Tunnel(host.lower(), agent[1].decode() if agent else "")
    if match := _ABSOLUTE.match(head):
        scheme, host = match[1], match[2].decode()
        port = int(match[3] or (443 if scheme == b"https" else 80))
        if scheme == b"http" and (hosts.is_metadata(host, port) or hosts.is_plain_google(host, port)):
            return Serve(once=True)
        return Refuse(host.lower(), port)
    if _ORIGIN.match(head):
        return Serve(once=False)
    if head == PREFACE:
        return Http2()
    line = head.partition(b"\n")[0].rstrip(b"\r")[:200]
    return Malformed(
        f"not a request this proxy understands (CONNECT HOST:PORT HTTP/1.1): {line.decode('ascii', 'replace')!r}"
    )
