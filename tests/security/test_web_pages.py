"""Web pages in a browser of this machine: of another site, of another port, and objects opened as pages.

Each attack is tried with the remedies switched off, too: there it succeeds.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from fake_gcs_servers import has_namespaces, public_server
from google.cloud import storage

from cloud.emulator import app
from cloud.emulator.storage_v1 import downloads
from cloud.server.thread import BackgroundCloud
from cloud.settings import IamMode, LauncherKind, Settings
from integration.owner import STORAGE, Owner
from security.browser import EVIL, chromium, web_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CALLERS, MEDIA = "callers", "media"
"""The remedies: a page's requests have no rights; objects are not run as pages."""
LOOT = "the owner's only"
PARENT = "/v1/projects/local-project/locations/us-central1"
JOB = {
    "displayName": "theirs",
    "jobSpec": {
        "workerPoolSpecs": [
            {
                "machineSpec": {"machineType": "n1-standard-4"},
                "replicaCount": "1",
                "pythonPackageSpec": {
                    "executorImageUri": "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest",
                    "packageUris": ["gs://prey/theirs.tar.gz"],
                    "pythonModule": "theirs.task",
                },
            }
        ]
    },
}
READS_EVERYTHING = """
<!doctype html><title>waits</title><script>
async function get(url, headers) {
  try { const answer = await fetch(url, {headers}); return answer.status + " " + await answer.text() }
  catch (error) { return String(error) }
}
async function read() {
  const token = "/computeMetadata/v1/instance/service-accounts/default/token"
  const read = [await get("/storage/v1/b?project=local-project"), await get(token, {"Metadata-Flavor": "Google"})]
  document.body.innerText = read.join("\\n")
  document.title = "read"
}
read()
</script><body>as it was</body>
"""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    with web_site() as port:
        yield port


@pytest.fixture(scope="module")
def owner() -> Iterator[Owner]:
    # With iam off a program without credentials may do everything; a page may not.
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD, iam=IamMode.OFF)) as cloud:
        owner = Owner(cloud)
        owner.open_bucket("prey")
        for name, kind, data in (
            ("data.js", "text/javascript", f"stolen = {json.dumps(LOOT)}"),
            ("page.html", "text/html", READS_EVERYTHING),
            ("picture.svg", "image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="123" height="45"/>'),
        ):
            upload = f"/upload/storage/v1/b/prey/o?uploadType=media&name={name}"
            assert owner.raw("POST", STORAGE, upload, data.encode(), header=f"Content-Type: {kind}")[0] == 200
        yield owner


@pytest.fixture(
    params=[{CALLERS, MEDIA}, {CALLERS}, {MEDIA}, set()], ids=lambda remedies: "+".join(sorted(remedies)) or "none"
)
def remedies(request, monkeypatch) -> set[str]:
    if CALLERS not in request.param:
        monkeypatch.setattr(app, "_is_of_web_page", lambda _: False)
    if MEDIA not in request.param:
        monkeypatch.setattr(downloads, "_SANDBOX", {})
    return request.param


@pytest.fixture(params=[True, False], ids=["checked", "unchecked"])
def is_checked(request, monkeypatch) -> bool:
    """Whether a page's requests are told from those of programs."""
    if not request.param:
        monkeypatch.setattr(app, "_is_of_web_page", lambda _: False)
    return request.param


@pytest.fixture
def page(browser, site) -> "Iterator[Page]":
    """A page of another site."""
    page = browser.new_page()
    page.goto(f"http://{EVIL}:{site}/")
    yield page
    page.close()


@pytest.fixture
def url(owner) -> str:
    return owner.cloud.environ["STORAGE_EMULATOR_HOST"]


def ask(page: "Page", url: str, **options) -> str:
    """How a page's ``fetch`` ends; "opaque" where the page must not know."""
    script = """async ([url, options]) => {
        try {
            const answer = await fetch(url, options)
            return answer.type == "opaque" ? "opaque" : answer.status + " " + await answer.text()
        } catch (error) { return String(error) }
    }"""
    return page.evaluate(script, [url, options])


# ---------------------------------------------------------------- pages of another origin


@pytest.mark.parametrize("host", [EVIL, "127.0.0.1"], ids=["another-site", "another-port"])
def test_an_object_is_not_embedded(page, site, host, url, remedies):
    """A script or an image may be of any origin: what it is shows in the page."""
    page.goto(f"http://{host}:{site}/")
    script = """async (url) => {
        const script = document.createElement("script"), image = document.createElement("img")
        for (const [element, name] of [[script, "data.js"], [image, "picture.svg"]])
            await new Promise((done) => {
                element.onload = element.onerror = done
                element.src = url + "/prey/" + name
                document.head.append(element)
            })
        return [window.stolen ?? null, image.naturalWidth]
    }"""
    assert page.evaluate(script, url) == ([None, 0] if remedies else [LOOT, 123])


@pytest.mark.parametrize("path", ["/storage/v1/b?project=local-project", "/prey/data.js", "/computeMetadata/v1/"])
def test_no_answer_is_shown_to_it(page, url, path, monkeypatch):
    """Whatever rights it has: no answer here allows another origin, and no preflight is answered."""
    monkeypatch.setattr(app, "_is_of_web_page", lambda _: False)
    assert ask(page, url + path) == "TypeError: Failed to fetch"
    assert ask(page, url + path, headers={"Metadata-Flavor": "Google"}) == "TypeError: Failed to fetch"


def test_nothing_is_deleted(page, url, owner, monkeypatch):
    monkeypatch.setattr(app, "_is_of_web_page", lambda _: False)
    assert ask(page, f"{url}/storage/v1/b/prey/o/data.js", method="DELETE") == "TypeError: Failed to fetch"
    assert owner.json("GET", STORAGE, "/storage/v1/b/prey/o/data.js")[0] == 200


def test_no_object_is_written(page, url, owner, is_checked):
    """A browser sends plain text without asking whether it may."""
    name = f"theirs-{is_checked}"
    upload = f"{url}/upload/storage/v1/b/prey/o?uploadType=media&name={name}"
    assert ask(page, upload, method="POST", mode="no-cors", body="theirs") == "opaque"
    assert owner.json("GET", STORAGE, f"/storage/v1/b/prey/o/{name}")[0] == (404 if is_checked else 200)


@pytest.mark.parametrize("header", ["X-Goog-Api-Client", "X-Upload-Content-Type"])
def test_it_cannot_pass_for_a_program(page, url, owner, header):
    """Programs are known by headers that a browser sends for no page of another origin, whatever its mode."""
    upload = f"{url}/upload/storage/v1/b/prey/o?uploadType=media&name=of-{header}"
    options = {"method": "POST", "body": "theirs", "headers": {header: "x"}}
    assert ask(page, upload, **options) == "TypeError: Failed to fetch"
    assert ask(page, upload, mode="no-cors", **options) == "opaque"
    assert owner.json("GET", STORAGE, f"/storage/v1/b/prey/o/of-{header}")[0] == 404


def test_no_object_is_written_by_a_form(page, url, owner, is_checked):
    """Its answer is a page, a navigation of another site."""
    name = f"form-{is_checked}"
    script = """([url]) => {
        const form = document.createElement("form")
        form.method = "POST"; form.enctype = "text/plain"; form.action = url
        document.body.append(form)
        form.submit()
    }"""
    with page.expect_navigation():
        page.evaluate(script, [f"{url}/upload/storage/v1/b/prey/o?uploadType=media&name={name}"])
    assert owner.json("GET", STORAGE, f"/storage/v1/b/prey/o/{name}")[0] == (404 if is_checked else 200)


@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "unsigned"])
def test_a_form_with_a_file_writes_what_somebody_has_signed_and_nothing_else(page, url, owner, is_checked, is_signed):
    """A signature is what its signer has given away: for this name in this bucket, and for an hour."""
    name = f"file-{is_checked}-{is_signed}"
    signer = storage.Client.from_service_account_json(owner.cloud.environ["GOOGLE_APPLICATION_CREDENTIALS"])
    signed = signer.generate_signed_post_policy_v4("prey", name, timedelta(hours=1))["fields"]
    script = """async ([url, fields]) => {
        const form = new FormData()
        for (const name in fields) form.append(name, fields[name])
        form.append("file", new Blob(["theirs"]))
        await fetch(url, {method: "POST", mode: "no-cors", body: form})
    }"""
    page.evaluate(script, [f"{url}/prey", signed if is_signed else {"key": name}])
    is_written = is_signed or not is_checked
    assert owner.json("GET", STORAGE, f"/storage/v1/b/prey/o/{name}")[0] == (200 if is_written else 404)


def test_the_requests_of_a_batch_have_no_more_rights(page, url, owner, is_checked):
    """A form may have parts of any type, and a request in it the headers that it likes."""
    name = f"bucket-{is_checked}".lower()
    script = """async ([url, name]) => {
        const body = JSON.stringify({name}), form = new FormData()
        const lines = ["POST /storage/v1/b?project=local-project HTTP/1.1", "Sec-Fetch-Site: none",
                       "Content-Type: application/json", "", body]
        form.append("a", new Blob([lines.join("\\r\\n")], {type: "application/http"}))
        await fetch(url + "/batch/storage/v1", {method: "POST", mode: "no-cors", body: form})
    }"""
    page.evaluate(script, [url, name])
    assert owner.json("GET", STORAGE, f"/storage/v1/b/{name}")[0] == (404 if is_checked else 200)


def test_no_job_is_started(page, url, owner, is_checked):
    before = jobs(owner)
    answer = ask(page, f"{url}{PARENT}/customJobs", method="POST", mode="no-cors", body=json.dumps(JOB))
    assert answer == "opaque"
    assert len(jobs(owner)) == len(before) + (not is_checked)


def jobs(owner: Owner) -> list[str]:
    status, listed = owner.json("GET", "us-central1-aiplatform", f"{PARENT}/customJobs")
    assert status == 200
    return [job["name"] for job in listed.get("customJobs", [])]


@pytest.mark.parametrize(
    "is_isolated",
    [pytest.param(True, marks=pytest.mark.skipif(not has_namespaces(), reason="no network namespaces here")), False],
    ids=["isolated", "public"],
)
def test_fake_gcs_server_is_not_reached(page, owner, tmp_path, is_isolated):
    """It answers every page, and allows it to read the answers and to send any request."""
    with ExitStack() as stack:
        if is_isolated:
            server = owner.cloud.run(server_url(owner.cloud))
        else:
            server = stack.enter_context(public_server(tmp_path))
        answers = [
            ask(page, f"{server}/storage/v1/b?project=p"),
            ask(page, f"{server}/storage/v1/b/of-nobody", method="DELETE"),
        ]
    if is_isolated:
        assert answers == ["TypeError: Failed to fetch"] * 2
    else:
        assert [answer[:3] for answer in answers] == ["200", "404"]


async def server_url(cloud: BackgroundCloud) -> str:
    return cloud._cloud._assembly.storage.server.url


# ---------------------------------------------------------------- pages of the same origin


def test_the_script_of_an_object_does_not_read_the_api(browser, url, remedies):
    """A person opens the object's address: this request is the owner's, and its script's are of the same origin."""
    page = browser.new_page()
    page.goto(f"{url}/prey/page.html")
    if MEDIA in remedies:
        assert (page.title(), page.inner_text("body").strip()) == ("waits", "as it was")
    else:
        page.wait_for_function("document.title == 'read'")
        listing, token = page.inner_text("body").split("\n", 1)
        assert listing.startswith("401 " if CALLERS in remedies else "200 ")
        assert token.startswith("403 Requests of web pages" if CALLERS in remedies else '200 {"access_token"')
    page.close()


def test_an_object_of_no_type_is_not_taken_for_a_page(browser, url, owner):
    assert owner.put("prey", "untyped", READS_EVERYTHING.encode()) == 200
    page = browser.new_page()
    with page.expect_download(), pytest.raises(Exception, match="Download is starting"):
        page.goto(f"{url}/prey/untyped")
    page.close()


# ---------------------------------------------------------------- names that lead here


def test_another_name_of_this_machine_is_no_name_of_the_cloud(browser, url, monkeypatch):
    """A name of the attacker's that is first his server's, then this machine's: his page is of the same origin then."""
    port = url.rpartition(":")[2]
    listing = f"http://{EVIL}:{port}/storage/v1/b?project=local-project"
    page = browser.new_page()
    assert page.goto(listing).status == 404
    script = "async (url) => (await fetch(url)).status"
    assert page.evaluate(script, listing) == 404
    monkeypatch.setattr(app, "_host", lambda _: "127.0.0.1")
    # The browser does not say where the request comes from: it does so only to addresses that it trusts.
    assert page.evaluate(script, listing) == 200
    page.close()
