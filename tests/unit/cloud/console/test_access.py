"""Addresses of the console work once, and not for long."""

import time
from unittest import mock

import pytest

from cloud.console.access import Access, sign

KEY = "key"


def test_an_address_is_exchanged_for_the_cookie_once() -> None:
    access, token = Access(KEY), sign(KEY)
    cookie = access.redeem(token)
    assert cookie
    assert access.redeem(token) is None
    assert access.redeem(sign(KEY)) == cookie, "another window of the same console"


@pytest.mark.parametrize("token", ["", ".", "..", "x.y.z", "9" * 400, "ü.\ud800.é"])
def test_what_was_not_signed_is_refused(token: str) -> None:
    assert Access(KEY).redeem(token) is None


def test_what_was_signed_with_another_key_or_changed_is_refused() -> None:
    for token in (sign("another key"), f"{sign(KEY)}0", sign(KEY)[1:]):
        assert Access(KEY).redeem(token) is None


def test_an_old_address_is_refused() -> None:
    token = sign(KEY)
    with mock.patch("time.time", return_value=time.time() + 3600):
        assert Access(KEY).redeem(token) is None


def test_each_console_has_secrets_of_its_own() -> None:
    one, other = Access(KEY), Access(KEY)
    assert one.csrf != other.csrf
    assert one.redeem(sign(KEY)) != other.redeem(sign(KEY))
    assert one.may_change(one.csrf)
    assert not one.may_change(other.csrf)
    assert not one.may_change("")
