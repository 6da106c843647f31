"""URLs are signed by google-cloud-storage, as in real clients."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.signatures import v4
from cloud.emulator.storage_v1.signatures.errors import (
    EarlySignature,
    ExpiredSignature,
    HmacNotEmulated,
    MalformedSignature,
    SignatureFault,
    WrongSignature,
)
from emulator_api.signed_requests import KEYS, OWNER, client_of, meaning, request_of

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def client():
    return client_of(OWNER)


def url_of(client, name="o", **options) -> str:
    given = {"version": "v4", "expiration": timedelta(hours=1), **options}
    return client.bucket("bkt").blob(name).generate_signed_url(**given)


def signer_of(url, method="GET", headers=None, now=NOW):
    return v4.verify(request_of(url, method, headers), "Goog", now, KEYS.signer)


def with_parameters(url: str, **changed: str | None) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | {f"X-Goog-{name}": value for name, value in changed.items()}
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value is not None})).geturl()


def signed_date(url: str) -> datetime:
    return v4.parse_date(dict(parse_qsl(urlsplit(url).query))["X-Goog-Date"])


@pytest.mark.parametrize("name", ["o", "a b/ü~+%2F&=?#é", "//", "$", "a\nb", "..", "*'()!"])
def test_an_object_of_any_name(client, name):
    assert signer_of(url_of(client, name)) == OWNER
    assert signer_of(url_of(client, name, virtual_hosted_style=True)) == OWNER


@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    parameters=st.dictionaries(
        st.from_regex("[a-wyz][A-Za-z é]{0,8}", fullmatch=True), st.text("aé &=+%/~ü", max_size=8)
    ),
    headers=st.dictionaries(
        st.from_regex("x-goog-meta-[a-z]{1,5}", fullmatch=True), st.from_regex("[!-~][ -~]{0,9}", fullmatch=True)
    ),
    flip=st.integers(0, 255),
)
def test_what_is_signed_is_verified_and_nothing_near_it(client, name, parameters, headers, flip):
    url = url_of(client, name, query_parameters=dict(parameters), headers=dict(headers))
    assert signer_of(url, headers=headers) == OWNER
    start, _, signature = url.rpartition("=")
    wrong = bytearray.fromhex(signature)
    wrong[flip] ^= 1 << flip % 8
    with pytest.raises(WrongSignature):
        signer_of(f"{start}={wrong.hex()}", headers=headers)


@pytest.fixture(scope="module")
def signed_url(client):
    return url_of(client, "name", headers={"x-goog-meta-a": "b"})


@given(st.data())
def test_no_byte_of_it_can_be_another(signed_url, data):
    index = data.draw(st.integers(len("https://"), len(signed_url) - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_.~%/&=?"))
    changed = signed_url[:index] + other + signed_url[index + 1 :]
    headers = {"x-goog-meta-a": "b"}
    if meaning(changed) != meaning(signed_url):
        with pytest.raises(SignatureFault):
            signer_of(changed, headers=headers)


def test_it_is_for_one_method_host_path_and_set_of_headers(client):
    headers = {"content-type": "text/plain", "x-goog-meta-a": "b"}
    url = url_of(client, method="PUT", headers=dict(headers))
    assert signer_of(url, "PUT", headers) == OWNER
    for other, method, sent in (
        (url, "GET", headers),
        (url, "DELETE", headers),
        (url.replace("/o?", "/p?"), "PUT", headers),
        (url.replace("/bkt/", "/bkt2/"), "PUT", headers),
        (url.replace("//storage.", "//storage-upload."), "PUT", headers),
        (url.replace("/bkt/o?", "/o?").replace("//storage.", "//bkt.storage."), "PUT", headers),
        (url + "&uploads=", "PUT", headers),
        (url + "&generation=1", "PUT", headers),
        (url, "PUT", {**headers, "content-type": "text/html"}),
        (url, "PUT", {**headers, "x-goog-meta-a": "c"}),
    ):
        with pytest.raises(WrongSignature, match=r"does not match the signature you provided\. Check your Google sec"):
            signer_of(other, method, sent)


def test_a_wrong_one_says_what_should_have_been_signed(client):
    url = url_of(client)
    date = dict(parse_qsl(urlsplit(url).query))["X-Goog-Date"]
    with pytest.raises(WrongSignature) as caught:
        signer_of(url, "DELETE")
    elements = caught.value.elements
    assert elements["StringToSign"].startswith(f"GOOG4-RSA-SHA256\n{date}\n{date[:8]}/auto/storage/goog4_request\n")
    assert elements["CanonicalRequest"].startswith("DELETE\n/bkt/o\nX-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credent")
    assert elements["CanonicalRequest"].endswith("\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD")


def test_the_host_is_signed_with_or_without_its_port(client):
    for signed in ("127.0.0.1:4601", "127.0.0.1"):
        url = url_of(client, api_access_endpoint="http://127.0.0.1:4601", headers={"host": signed})
        assert signer_of(url) == OWNER
    with pytest.raises(WrongSignature):
        signer_of(url_of(client, api_access_endpoint="http://127.0.0.1:4602").replace("4602", "4601"))


def test_characters_may_be_quoted_on_the_way(client):
    url = url_of(client, "a-b~c!")
    assert signer_of(url.replace("a-b~c%21", "a%2Db%7Ec!")) == OWNER
    with pytest.raises(WrongSignature):
        signer_of(url_of(client, "a/b").replace("a/b", "a%2Fb"))


def test_a_signed_hash_of_the_body_takes_its_place(client):
    headers = {"x-goog-content-sha256": "ab" * 32}
    url = url_of(client, method="PUT", headers=dict(headers))
    assert signer_of(url, "PUT", headers) == OWNER
    with pytest.raises(WrongSignature):
        signer_of(url, "PUT", {"x-goog-content-sha256": "cd" * 32})


def test_it_is_valid_from_a_quarter_of_an_hour_before_its_date_until_it_expires(client):
    url = url_of(client, expiration=timedelta(seconds=60))
    date = signed_date(url)
    for after in (-900, 0, 60):
        assert signer_of(url, now=date + timedelta(seconds=after)) == OWNER
    with pytest.raises(EarlySignature, match="more than 15 minutes ahead of this clock"):
        signer_of(url, now=date - timedelta(seconds=901))
    expired = (date + timedelta(seconds=60)).isoformat()
    with pytest.raises(ExpiredSignature) as caught:
        signer_of(url, now=date + timedelta(seconds=61))
    assert str(caught.value) == f"The provided token has expired. Request signature expired at: {expired}"


def test_a_week_is_the_longest(client):
    url = url_of(client, expiration=timedelta(days=7))
    assert signer_of(url, now=NOW + timedelta(days=6, hours=23)) == OWNER


@pytest.mark.parametrize(
    ("changed", "text", "parameter"),
    [
        ({"Algorithm": None}, "X-Goog-Algorithm is missing", "X-Goog-Algorithm"),
        ({"Credential": None}, "X-Goog-Credential is missing", "X-Goog-Credential"),
        ({"Date": ""}, "X-Goog-Date is missing", "X-Goog-Date"),
        ({"Date": "now"}, "'now' is no date", "X-Goog-Date"),
        ({"Date": "20261331T000000Z"}, "no date", "X-Goog-Date"),
        ({"Date": "0000" + "0101T000000Z"}, "no date", "X-Goog-Date"),
        ({"Expires": "604801"}, "'604801' is not a number of seconds from 1 to 604800", "X-Goog-Expires"),
        ({"Expires": "0"}, "seconds", "X-Goog-Expires"),
        ({"Expires": "-1"}, "seconds", "X-Goog-Expires"),
        ({"Expires": "1e3"}, "seconds", "X-Goog-Expires"),
        ({"SignedHeaders": "content-type"}, "Host header not signed", "host"),
        ({"SignedHeaders": "host;range"}, "Header was included in signedheaders, but not in the request.", "range"),
        ({"Signature": "xyz"}, "not hex", "X-Goog-Signature"),
        ({"Signature": "abc"}, "not hex", "X-Goog-Signature"),
        ({"Credential": "a@b"}, "'a@b' is not like EMAIL/", "X-Goog-Credential"),
        ({"Credential": "/20260101/auto/storage/goog4_request"}, "is not like", "X-Goog-Credential"),
        ({"Algorithm": "RSA"}, "'RSA' is no algorithm", "X-Goog-Algorithm"),
    ],
)
def test_what_is_missing_or_malformed_is_named(client, changed, text, parameter):
    with pytest.raises(MalformedSignature, match=text) as caught:
        signer_of(with_parameters(url_of(client), **changed))
    assert caught.value.message.startswith("Your request has a malformed header. ")
    assert caught.value.elements == {"ParameterName": parameter}


def test_dates_at_the_ends_of_the_calendar(client):
    url = url_of(client)
    with pytest.raises(EarlySignature):
        signer_of(with_parameters(url, Date="99991231T235959Z", Credential="a@b/99991231/auto/storage/goog4_request"))
    with pytest.raises(ExpiredSignature):
        signer_of(with_parameters(url, Date="00010101T000000Z", Credential="a@b/00010101/auto/storage/goog4_request"))


def test_each_extension_header_must_be_signed(client):
    for name in ("x-goog-acl", "x-amz-copy-source"):
        with pytest.raises(MalformedSignature, match="Header must be signed") as caught:
            signer_of(url_of(client, method="PUT"), "PUT", {name: "a", "accept": "*/*"})
        assert caught.value.elements == {"ParameterName": name}


def test_hmac_keys_are_refused_in_words(client):
    url = with_parameters(url_of(client), Algorithm="GOOG4-HMAC-SHA256")
    with pytest.raises(HmacNotEmulated, match=r"HMAC keys are not emulated, .* sign with the key of a service account"):
        signer_of(url)
    url = url.replace("X-Goog-", "X-Amz-").replace("GOOG4-HMAC", "AWS4-HMAC")
    with pytest.raises(HmacNotEmulated, match="AWS4-HMAC-SHA256 cannot be verified"):
        v4.verify(request_of(url), "Amz", NOW, KEYS.signer)


def test_an_account_without_such_a_key_has_signed_nothing(client):
    day = f"{signed_date(url_of(client)):%Y%m%d}"
    for email in ("nobody@my-project.iam.gserviceaccount.com", ""):
        credential = f"{email}/{day}/auto/storage/goog4_request"
        with pytest.raises((WrongSignature, MalformedSignature)):
            signer_of(with_parameters(url_of(client), Credential=credential))
