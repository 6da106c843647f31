"""Requests of each API, and random changes of their bytes."""

import json
import random
from dataclasses import dataclass

_TOKENS = (
    b"\r\n",
    b"\n",
    b"\0",
    b"\r\n\r\n",
    b"%00",
    b"%2f",
    b"\xff\xfe",
    b"../",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"X-HTTP-Method-Override: DELETE\r\n",
    b"Range: bytes=0-\r\n",
    b"9" * 30,
    b"[" * 300,
    b'{"a":' * 50,
    b"1e999",
    b"null",
    "ü\ud7ff\U0001f600".encode(),
    b"A" * 5000,
)
_FORM = "application/x-www-form-urlencoded"
_BOUNDARY = "multipart/mixed; boundary=b"
_BATCH = b"--b\r\nContent-Type: application/http\r\n\r\nGET /storage/v1/b/fuzz/o HTTP/1.1\r\n\r\n\r\n--b--\r\n"
_RELATED = (
    b'--b\r\nContent-Type: application/json\r\n\r\n{"name": "r"}\r\n--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n'
)
_V1, _ML = "/v1/projects/local-project/locations/us-central1", "/v1/projects/local-project"
_JOB = {"jobId": "j", "trainingInput": {"pythonModule": "m", "packageUris": ["gs://none/p.tar.gz"], "region": "r"}}


@dataclass(frozen=True)
class Sent:
    """A request: where to, and its bytes."""

    host: str
    data: bytes


def _request(host: str, method: str, path: str, body: object = None, kind: str = "application/json") -> tuple[str, ...]:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return (f"{host}.googleapis.com", f"{method} {path}", kind, content.decode("latin-1"))


CORPUS = [
    _request("storage", "POST", "/storage/v1/b?project=local-project", {"name": "fuzz"}),
    _request("storage", "GET", "/storage/v1/b?project=local-project&maxResults=2&fields=items(name)"),
    _request("storage", "POST", "/storage/v1/b?project=local-project", {"name": "fuzz-2", "labels": {"a": "b"}}),
    _request("storage", "PATCH", "/storage/v1/b/fuzz", {"labels": {"a": None}, "versioning": {"enabled": False}}),
    _request("storage", "GET", "/storage/v1/b/fuzz/o?prefix=a&delimiter=/&pageToken=CgFh"),
    _request("storage", "GET", "/storage/v1/b/fuzz/o/a?alt=media"),
    _request("storage", "POST", "/storage/v1/b/fuzz/o/c/compose", {"sourceObjects": [{"name": "a"}]}),
    _request("storage", "POST", "/storage/v1/b/fuzz/o/a/rewriteTo/b/fuzz/o/d", {"contentType": "a/b"}),
    _request("storage", "PUT", "/storage/v1/b/fuzz/iam", {"bindings": [{"role": "roles/x", "members": ["user:a@b"]}]}),
    _request("storage", "POST", "/upload/storage/v1/b/fuzz/o?uploadType=media&name=a", b"data", "text/plain"),
    _request("storage", "POST", "/upload/storage/v1/b/fuzz/o?uploadType=multipart", _RELATED, _BOUNDARY),
    _request("storage", "POST", "/upload/storage/v1/b/fuzz/o?uploadType=resumable&name=x", {"metadata": {"a": "b"}}),
    _request("storage", "PUT", "/upload/storage/v1/b/fuzz/o?uploadType=resumable&upload_id=x", b"data", "text/plain"),
    _request("storage", "POST", "/batch/storage/v1", _BATCH, _BOUNDARY),
    _request("storage", "PUT", "/fuzz/xml%20name", b"data", "text/plain"),
    _request("storage", "GET", "/fuzz/a"),
    _request("storage", "DELETE", "/storage/v1/b/fuzz/o/d?ifGenerationMatch=1"),
    _request("ml", "GET", f"{_ML}:getConfig"),
    _request("ml", "GET", f"{_ML}/jobs?filter=state%3DFAILED&pageSize=3"),
    _request("ml", "POST", f"{_ML}/jobs", _JOB),
    _request("ml", "POST", f"{_ML}/models", {"name": "m", "labels": {"a": "b"}, "regions": ["us-central1"]}),
    _request("ml", "POST", f"{_ML}/models/m:predict", {"instances": [[1.0, 2.5e10], {"b64": "eA=="}]}),
    _request("ml", "POST", f"{_ML}/models/m:setIamPolicy", {"policy": {"bindings": [], "etag": "eA=="}}),
    _request("ml", "DELETE", f"{_ML}/models/m"),
    _request("us-central1-aiplatform", "POST", f"{_V1}/endpoints", {"displayName": "e", "labels": {"a": "b"}}),
    _request("us-central1-aiplatform", "GET", f"{_V1}/models?filter=labels.a%3Db&orderBy=create_time%20desc"),
    _request("us-central1-aiplatform", "POST", f"{_V1}/endpoints/1:predict", {"instances": [{"a": 1}]}),
    _request("logging", "POST", "/v2/entries:list", {"resourceNames": ["projects/local-project"], "filter": 'a="b"'}),
    _request(
        "oauth2", "POST", "/token", b"grant_type=refresh_token&refresh_token=x", "application/x-www-form-urlencoded"
    ),
    _request("cloudresourcemanager", "GET", "/v3/projects/local-project"),
    _request("iamcredentials", "POST", "/v1/projects/-/serviceAccounts/a@b:generateAccessToken", {"scope": ["a"]}),
]


def mutated(source: random.Random, token: str) -> Sent:
    """A request of the corpus with some changes; its length is right, or not."""
    host, line, kind, text = source.choice(CORPUS)
    start, content = line.encode(), text.encode("latin-1")
    where = source.choice(("start", "headers", "body", "body", "all"))
    if where == "body":
        content = _change(content, source)
    if where == "start":
        start = _change(start, source)
    headers = f"Host: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n".encode()
    if where == "headers":
        headers = _change(headers, source)
    if source.random() < 0.2:
        size = source.randint(1, 20)
        content = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in _parts(content, size)) + b"0\r\n\r\n"
        headers += b"Transfer-Encoding: chunked\r\n"
    elif content:
        headers += b"Content-Length: %d\r\n" % len(content)
    data = start + b" HTTP/1.1\r\n" + headers + b"\r\n" + content
    if where == "all":
        data = _change(data, source)
    return Sent(host, data if data.strip() else b"x")  # a client that sends nothing is idle


def unchanged(token: str) -> list[Sent]:
    """Each request of the corpus."""
    return [
        Sent(
            host,
            f"{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}".encode("latin-1"),
        )
        for host, line, kind, text in CORPUS
    ]


def mutated_http2(source: random.Random) -> bytes:
    """An HTTP/2 connection's first bytes, with some changes."""
    frames = b"".join(
        _frame(source.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 77)), source) for _ in range(source.randint(0, 20))
    )
    data = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + frames
    return _change(data, source) if source.random() < 0.7 else data


def _frame(kind: int, source: random.Random) -> bytes:
    payload = source.randbytes(source.choice((0, 1, 4, 8, 100, 20_000)))
    size = len(payload) if source.random() < 0.9 else source.randint(0, 2**24 - 1)
    return size.to_bytes(3) + bytes((kind, source.randint(0, 255))) + source.randint(0, 2**32 - 1).to_bytes(4) + payload


def _change(data: bytes, source: random.Random) -> bytes:
    for _ in range(source.choice((1, 1, 2, 5))):
        at, end = sorted((source.randint(0, len(data)), source.randint(0, len(data))))
        end = min(end, at + 20)
        match source.randint(0, 5):
            case 0:
                data = data[:at] + data[end:]
            case 1:
                data = data[:at] + data[at:end] * 2 + data[end:]
            case 2:
                data = data[:at] + source.choice(_TOKENS) + data[at:]
            case 3:
                data = data[:at] + source.randbytes(end - at) + data[end:]
            case 4:
                data = data[:at] + data[at:end].swapcase() + data[end:]
            case 5 if source.random() < 0.3:
                data = data[:at]
    return data


def _parts(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]
