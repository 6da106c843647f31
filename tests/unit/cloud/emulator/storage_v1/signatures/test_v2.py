"""URLs are signed by google-cloud-storage, as in real clients."""

import base64
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.signatures import v2
from cloud.emulator.storage_v1.signatures.errors import (
    BadExpires,
    ExpiredSignature,
    HmacNotEmulated,
    MalformedSignature,
    SignatureFault,
    WrongSignature,
)
from emulator_api.signed_requests import KEYS, OWNER, client_of, meaning, request_of


@pytest.fixture(scope="module")
def client():
    return client_of(OWNER)


def url_of(client, name="o", **options) -> str:
    given = {"version": "v2", "expiration": timedelta(hours=1), **options}
    return client.bucket("bkt").blob(name).generate_signed_url(**given)


def signer_of(url, method="GET", headers=None, now=None):
    return v2.verify(request_of(url, method, headers), now or datetime.now(UTC), KEYS.signer)


def signed(text: str, path: str = "/bkt/o", query: str = "") -> str:
    """An address with a signature of this text, in which EXPIRES stands for its time."""
    expires = str(int(time.time()) + 60)
    signature = base64.b64encode(KEYS.sign(OWNER, text.replace("EXPIRES", expires).encode())[1]).decode()
    access = f"GoogleAccessId={OWNER.email}&Expires={expires}&Signature={quote_plus(signature)}"
    return f"https://storage.googleapis.com{path}?{query}{access}"


@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    value=st.from_regex("[!-~][ -~]{0,9}", fullmatch=True),
    flip=st.integers(0, 255),
)
def test_what_is_signed_is_verified_and_nothing_near_it(client, name, value, flip):
    headers = {"x-goog-meta-a": value, "content-type": "text/plain", "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    more = {"content_type": headers["content-type"], "content_md5": headers["content-md5"]}
    url = url_of(client, name, method="PUT", headers={"x-goog-meta-a": value}, **more)
    assert signer_of(url, "PUT", headers) == OWNER
    signature = dict(parse_qsl(urlsplit(url).query))["Signature"]
    wrong = bytearray(base64.b64decode(signature))
    wrong[flip] ^= 1 << flip % 8
    with pytest.raises(WrongSignature):
        signer_of(url.replace(quote_plus(signature), quote_plus(base64.b64encode(wrong))), "PUT", headers)


@pytest.fixture(scope="module")
def signed_url(client):
    return url_of(client, "name", headers={"x-goog-meta-a": "b"})


@given(st.data())
def test_no_byte_after_the_host_can_be_another(signed_url, data):
    index = data.draw(st.integers(signed_url.index("/bkt/"), signed_url.rindex("Signature=") - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_.~%/&=?"))
    changed = signed_url[:index] + other + signed_url[index + 1 :]
    headers = {"x-goog-meta-a": "b"}
    if meaning(changed) != meaning(signed_url):
        with pytest.raises(SignatureFault):
            signer_of(changed, headers=headers)
    assert signer_of(signed_url, headers=headers) == OWNER


def test_it_is_for_one_method_path_and_set_of_headers(client):
    headers = {"content-type": "text/plain"}
    url = url_of(client, method="PUT", content_type="text/plain")
    assert signer_of(url, "PUT", headers) == OWNER
    for other, method, sent in (
        (url, "GET", headers),
        (url, "PUT", {}),
        (url, "PUT", {"content-type": "text/html"}),
        (url, "PUT", {**headers, "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}),
        (url, "PUT", {**headers, "x-goog-acl": "public-read"}),
        (url.replace("/o?", "/p?"), "PUT", headers),
        (url.replace("/bkt/", "/bkt2/"), "PUT", headers),
        (url.replace("/bkt/o?", "/bkt/o?").replace("//storage.", "//bkt2.storage."), "PUT", headers),
    ):
        with pytest.raises(WrongSignature) as caught:
            signer_of(other, method, sent)
        assert caught.value.elements["StringToSign"].startswith(f"{method}\n")


def test_the_host_may_name_the_bucket_and_only_that(client):
    by_host = url_of(client).replace("/bkt/o?", "/o?").replace("//storage.", "//bkt.storage.")
    assert signer_of(by_host) == OWNER
    with pytest.raises(WrongSignature):
        signer_of(by_host.replace("//bkt.", "//bkt2."))


def test_what_shapes_the_answer_need_not_be_signed_and_what_makes_another_method_must(client):
    options = {"response_disposition": "attachment", "response_type": "a/b", "generation": "5"}
    assert signer_of(url_of(client, **options)) == OWNER
    assert signer_of(url_of(client) + "&mine=1") == OWNER  # Node's queryParams
    assert signer_of(url_of(client, query_parameters={"generation": "5"})) == OWNER
    assert signer_of(url_of(client, query_parameters={"acl": None})) == OWNER
    assert signer_of(signed("GET\n\n\nEXPIRES\n/bkt/o?acl", query="acl&")) == OWNER
    for more in ("&acl", "&uploads=", "&uploadId=1&partNumber=2", "&upload_id=1"):
        with pytest.raises(WrongSignature):
            signer_of(url_of(client) + more)
    for path in ("/storage/v1/b/bkt/o/o", "/upload/storage/v1/b/bkt/o", "/b/bkt/o/o"):
        text = f"GET\n\n\nEXPIRES\n{path}"
        assert signer_of(signed(text, path)) == OWNER
        with pytest.raises(WrongSignature):
            signer_of(signed(text, path, "alt=media&"))


def test_a_header_of_amazon_s3s_is_never_signed(client):
    with pytest.raises(MalformedSignature, match="Header must be signed") as caught:
        signer_of(url_of(client, method="PUT"), "PUT", {"x-amz-copy-source": "/other/o"})
    assert caught.value.elements == {"ParameterName": "x-amz-copy-source"}


def test_another_version_is_deleted_only_if_that_was_signed(client):
    assert signer_of(url_of(client, method="DELETE", query_parameters={"generation": "5"}), "DELETE") == OWNER
    with pytest.raises(WrongSignature):
        signer_of(url_of(client, method="DELETE") + "&generation=5", "DELETE")


def test_its_time_is_seconds_since_1970(client):
    url = url_of(client, expiration=2_000_000_000)
    assert signer_of(url, now=datetime.fromtimestamp(2_000_000_000, UTC)) == OWNER
    with pytest.raises(ExpiredSignature, match=r"^The provided token has expired. Request has expired: 2000000000$"):
        signer_of(url, now=datetime.fromtimestamp(2_000_000_001, UTC))
    with pytest.raises(ExpiredSignature, match="Request has expired: -5"):
        signer_of(url.replace("2000000000", "-5"))
    with pytest.raises(WrongSignature):
        signer_of(url.replace("2000000000", "9" * 18))
    with pytest.raises(BadExpires, match=r"^Expires parameter is not a valid long value: NaN$"):
        signer_of(url.replace("2000000000", "NaN"))


def test_what_is_missing_or_malformed_is_named(client):
    for name in ("GoogleAccessId", "Expires", "Signature"):
        with pytest.raises(MalformedSignature, match=f"{name} is missing") as caught:
            signer_of(url_of(client).replace(name, "other"))
        assert caught.value.elements == {"ParameterName": name}
    url = "https://storage.googleapis.com/b/o?GoogleAccessId=a&Expires=2000000000&Signature="
    for wrong in ("%ff", "a", "*"):
        with pytest.raises(MalformedSignature, match="Signature was not base64 encoded") as caught:
            signer_of(url + wrong)
        assert caught.value.elements == {"ParameterName": "signature"}


def test_a_plus_that_is_not_quoted_is_none_the_less_one(client):
    urls = (url_of(client, str(number)) for number in range(20))
    url = next(url for url in urls if "%2B" in url)
    assert signer_of(url.replace("%2B", "+")) == OWNER


def test_hmac_keys_are_refused_in_words():
    with pytest.raises(HmacNotEmulated, match="AWSAccessKeyId cannot be verified"):
        signer_of("https://storage.googleapis.com/b/o?AWSAccessKeyId=a&Expires=2000000000&Signature=AA==")
