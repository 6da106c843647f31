"""What was signed for another purpose, or by nobody: URLs, and assertions that someone found in a log.

Each attack is tried with its check switched off, too: there it succeeds.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from google.auth import crypt, jwt

from cloud.emulator.app import Emulator
from cloud.emulator.mounts import RequestSource
from cloud.emulator.oauth2.assertions import TOKEN_URI
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.messages import JWT_BEARER
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.project.identities import owner
from emulator_api.recorder import Recorder, send
from emulator_api.signed_requests import client_of

ME = owner("my-project")
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
OBJECT = "127.0.0.1/bucket/secret"
KEYS = KeyRing()
FILE = KEYS.service_account_file(ME, "my-project")
Attack = Callable[[Emulator], Awaitable[int]]


def assertion(**claims: object) -> str:
    given = {"iss": ME.email, "aud": TOKEN_URI, "scope": SCOPE, "iat": time.time(), "exp": time.time() + 3600}
    return jwt.encode(crypt.RSASigner.from_service_account_info(FILE), given | claims).decode()


async def a_forged_signed_url(emulator: Emulator) -> int:
    query = urlencode({"GoogleAccessId": ME.email, "Expires": int(time.time()) + 60, "Signature": "AAAA"})
    return (await send(emulator.protocols(RequestSource(ME)), "GET", f"{OBJECT}?{query}")).status


async def an_expired_signed_url(emulator: Emulator) -> int:
    query = urlencode({"GoogleAccessId": ME.email, "Expires": 1, "Signature": "AAAA"})
    return (await send(emulator.protocols(RequestSource(ME)), "GET", f"{OBJECT}?{query}")).status


def signed(method: str = "GET", name: str = "secret") -> str:
    """An address that the owner has signed, and given away."""
    blob = client_of(ME, KEYS).bucket("bucket").blob(name)
    url = blob.generate_signed_url(timedelta(hours=1), "http://127.0.0.1", method, version="v4")
    return url.removeprefix("http://")


async def a_signed_url_for_another_method(emulator: Emulator) -> int:
    return (await send(emulator.protocols(RequestSource(ME)), "DELETE", signed())).status


async def a_signed_url_of_another_object(emulator: Emulator) -> int:
    url = signed(name="public").replace("/public?", "/secret?")
    return (await send(emulator.protocols(RequestSource(ME)), "GET", url)).status


async def a_signed_url_at_another_address(emulator: Emulator) -> int:
    url = signed().replace("127.0.0.1/", "localhost/")
    return (await send(emulator.protocols(RequestSource(ME)), "GET", url)).status


async def a_signed_start_of_an_upload_that_deletes(emulator: Emulator) -> int:
    headers = {"X-HTTP-Method-Override": "DELETE"}
    return (await send(emulator.protocols(RequestSource(ME)), "POST", signed("POST"), headers)).status


async def an_assertion_for_the_token_endpoint_as_a_token(emulator: Emulator) -> int:
    return (await send(emulator, "GET", OBJECT, {"Authorization": f"Bearer {assertion()}"})).status


async def a_token_for_another_api(emulator: Emulator) -> int:
    token = assertion(aud="https://translate.googleapis.com/", scope=None)
    return (await send(emulator, "GET", OBJECT, {"Authorization": f"Bearer {token}"})).status


async def exchange(emulator: Emulator, **claims: object) -> int:
    body = urlencode({"grant_type": JWT_BEARER, "assertion": assertion(**claims)}).encode()
    return (await send(emulator, "POST", "oauth2.googleapis.com/token", body=body)).status


async def an_assertion_that_is_good_for_a_year(emulator: Emulator) -> int:
    return await exchange(emulator, exp=time.time() + 365 * 24 * 3600)


async def an_assertion_of_yesterday(emulator: Emulator) -> int:
    return await exchange(emulator, iat=time.time() - 86400, exp=time.time() - 82800)


async def an_assertion_for_another_service(emulator: Emulator) -> int:
    return await exchange(emulator, aud="https://service.example/token")


async def an_assertion_in_the_name_of_a_user(emulator: Emulator) -> int:
    return await exchange(emulator, sub="boss@example.com")


URL, BEARER, GRANT = "app.signer", "oauth2.keys.check_bearer", "oauth2.keys.check_grant"


@pytest.mark.parametrize("is_checked", [True, False], ids=["checked", "not checked"])
@pytest.mark.parametrize(
    ("attack", "check", "status"),
    [
        (a_forged_signed_url, URL, 403),
        (an_expired_signed_url, URL, 400),
        (a_signed_url_for_another_method, URL, 403),
        (a_signed_url_of_another_object, URL, 403),
        (a_signed_url_at_another_address, URL, 403),
        (a_signed_start_of_an_upload_that_deletes, URL, 400),
        (an_assertion_for_the_token_endpoint_as_a_token, BEARER, 401),
        (a_token_for_another_api, BEARER, 401),
        (an_assertion_that_is_good_for_a_year, GRANT, 400),
        (an_assertion_of_yesterday, GRANT, 400),
        (an_assertion_for_another_service, GRANT, 400),
        (an_assertion_in_the_name_of_a_user, GRANT, 401),
    ],
)
async def test_it_is_refused(
    attack: Attack, check: str, status: int, is_checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_checked:
        monkeypatch.setattr(f"cloud.emulator.{check}", lambda *_: None)
    emulator = Emulator("my-project", "us-central1", Recorder(), TokenRegistry(), KEYS)
    assert await attack(emulator) == (status if is_checked else 200)
