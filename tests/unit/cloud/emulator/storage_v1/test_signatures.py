"""Signed URLs and forms are made by google-cloud-storage, as in real clients."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web
from google.cloud import storage
from google.oauth2 import service_account
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.rest.errors import BadSignature, ExpiredSignature
from cloud.emulator.storage_v1.signatures import check_form, check_query
from cloud.engine.project.identities import ml_service_account
from cloud.errors import InvalidArgument, PermissionDenied
from cloud.testing.client import Client

NOW = datetime.now(UTC)
V4 = {
    "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
    "X-Goog-Credential": "a%40b/20261231/auto/storage/goog4_request",
    "X-Goog-Date": NOW.strftime("%Y%m%dT%H%M%SZ"),
    "X-Goog-Expires": "900",
    "X-Goog-SignedHeaders": "host",
    "X-Goog-Signature": "00",
}
V2 = {"GoogleAccessId": "a@b", "Expires": str(int(NOW.timestamp()) + 60), "Signature": "AA=="}


@pytest.fixture(scope="module")
def client():
    file = KeyRing().service_account_file(ml_service_account("my-project"), "my-project")
    return storage.Client("my-project", service_account.Credentials.from_service_account_info(file))


def query_of(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query)


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_a_signed_url_is_refused_and_says_when_it_expired(client, version):
    blob = client.bucket("b").blob("o")
    query = query_of(blob.generate_signed_url(version=version, expiration=timedelta(seconds=60)))
    with pytest.raises(BadSignature, match=r"not verified .* Send an access token"):
        check_query(query, datetime.now(UTC))
    with pytest.raises(ExpiredSignature, match=r"Request signature expired at: 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"):
        check_query(query, datetime.now(UTC) + timedelta(seconds=90))


def test_those_for_clients_of_amazon_s3_are_refused_too():
    for signed in (
        {name.replace("Goog", "Amz"): value for name, value in V4.items()} | {"X-Amz-Security-Token": "t"},
        {name.lower(): value for name, value in V4.items()},
        V2 | {"GoogleAccessId": "", "AWSAccessKeyId": "k"},
    ):
        with pytest.raises(BadSignature):
            check_query(signed.items(), NOW)


@pytest.mark.parametrize(
    ("signed", "text"),
    [
        ({"X-Goog-Signature": "0"}, "lacks X-Goog-Algorithm, X-Goog-Credential, X-Goog-Date, X-Goog-Expires"),
        (V4 | {"X-Goog-Date": "now"}, "X-Goog-Date: 'now' is not like"),
        (V4 | {"X-Goog-Date": "20261331T000000Z"}, "X-Goog-Date: 20261331T000000Z is no date"),
        (V4 | {"X-Goog-Date": "99991231T235959Z"}, "is no date"),
        (V4 | {"X-Goog-Expires": "604801"}, "X-Goog-Expires: '604801' is not from 1 to 604800 seconds"),
        (V4 | {"X-Goog-Expires": "0"}, "X-Goog-Expires"),
        (V4 | {"X-Goog-Expires": "-1"}, "X-Goog-Expires"),
        ({"Signature": "0"}, "lacks Expires, GoogleAccessId or AWSAccessKeyId"),
        ({"Expires": "1"}, "lacks Signature, GoogleAccessId or AWSAccessKeyId"),
        ({"GoogleAccessId": "a@b"}, "lacks Expires, Signature"),
        (V2 | {"Expires": "tomorrow"}, "Expires: 'tomorrow' is not in seconds"),
    ],
)
def test_what_is_missing_or_malformed_is_named(signed, text):
    with pytest.raises(InvalidArgument, match=text):
        check_query(signed.items(), NOW)


def test_other_queries_are_not_signed():
    check_query([], NOW)
    check_query([("alt", "media"), ("generation", "1"), ("userProject", "p"), ("x-goog-acl", "private")], NOW)


@given(
    st.dictionaries(st.sampled_from([*V4, *V2]), st.text(max_size=20) | st.integers().map(str)),
    st.sampled_from([*V4, *V2]),
    st.sampled_from([str.lower, str.upper, str]),
)
def test_nothing_signed_passes_whatever_it_says(others, name, spelling):
    with pytest.raises((PermissionDenied, InvalidArgument)):
        check_query([(spelling(name), "x"), *others.items(), (spelling(name), (V4 | V2)[name])], NOW)


def multipart(fields: dict[str, str]) -> bytes:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    return "".join([*parts, "--x--\r\n"]).encode()


async def refusal_of(body: bytes, content_type: str = "multipart/form-data; boundary=x") -> Exception | None:
    errors: list[Exception | None] = []

    async def check(request: web.Request) -> web.Response:
        try:
            await check_form(request, NOW)
        except (PermissionDenied, InvalidArgument) as error:
            errors.append(error)
        return web.Response()

    def make(*parts):
        return web.Request(*parts, asyncio.get_running_loop())

    async with Client(web.Server(check, request_factory=make)) as client:
        await client.request("POST", "/b", headers={"Content-Type": content_type}, body=body)
    return errors[0] if errors else None


def policy(expiration: object) -> str:
    return base64.b64encode(json.dumps({"expiration": expiration, "conditions": []}).encode()).decode()


async def test_a_form_with_a_policy_is_refused(client):
    fields = client.generate_signed_post_policy_v4("b", "o", timedelta(hours=1))["fields"]
    assert type(await refusal_of(multipart(fields | {"file": "x"}))) is BadSignature
    assert type(await refusal_of(multipart(fields | {"policy": policy("2012-06-16T11:11:11Z")}))) is ExpiredSignature
    legacy = {"policy": policy("2999-06-16T11:11:11"), "GoogleAccessId": "a@b", "signature": "AA=="}
    assert type(await refusal_of(multipart(legacy))) is BadSignature


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (multipart({"policy": "e30="}), "lacks Signature, GoogleAccessId or AWSAccessKeyId"),
        (multipart({"policy": "?", "signature": "A", "GoogleAccessId": "a"}), "Invalid policy"),
        (multipart({"policy": policy(1), "signature": "A", "GoogleAccessId": "a"}), "Invalid policy"),
        (multipart({"x-goog-signature": "0"}), "lacks policy, X-Goog-Algorithm"),
        (multipart({"policy": "x" * 70_000}), "more than 65536 bytes"),
        (multipart({str(number): "" for number in range(700)}), "more than 65536 bytes"),
        (b"no form", "The body is no form"),
        (multipart({"policy": "x"})[:-8], "The body is no form"),
        (b'--x\r\nContent-Disposition: form-data; name="policy"\r\n\r\n\xff\r\n--x--\r\n', "The body is no form"),
    ],
)
async def test_a_malformed_form_is_refused_in_words(body, text):
    assert text in str(await refusal_of(body))


async def test_of_other_bodies_nothing_is_read():
    assert await refusal_of(multipart({"key": "o", "file": "policy"})) is None
    assert await refusal_of(b"{}", "application/json") is None
    assert "no form" in str(await refusal_of(b"x", "multipart/form-data"))
