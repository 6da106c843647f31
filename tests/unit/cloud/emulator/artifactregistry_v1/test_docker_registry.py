"""What ``gcloud container images list`` and ``list-tags`` send to the hosts of registries."""

import base64
from datetime import UTC, datetime

import pytest

from cloud.emulator.mounts import Mount
from cloud.engine.principal import ANONYMOUS
from cloud.resources.container_images import ContainerImage
from emulator_api.api_client import OWNER, SOMEBODY
from emulator_api.backends import memory_backend
from emulator_api.clients import Served
from emulator_api.image_apis import RegistryApi

DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
async def api(tmp_path):
    made = RegistryApi(memory_backend(), tmp_path)
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "train.py").write_text("1234567")
    made.own_registry()
    made.images.add(ContainerImage(DIGEST, "python:3.10", datetime(2026, 1, 1, tzinfo=UTC)), folder)
    for tag in ("v1", "v2"):
        await made.own_registry().push(f"gcr.io/my-project/deep/er:{tag}", DIGEST)
    yield made
    await made.close()


async def send(api, path, principal=OWNER, verb="GET", headers=None):
    served = Served(api.emulated.docker)
    tokens = Mount(r".*", r"/v2/token", api.emulated.docker_tokens, requires_auth=False)
    served.emulator.mount(tokens)
    async with served.client(principal, "gcr.io") as client:
        return await client.request(verb, path, headers=headers)


async def test_what_is_below_a_name_and_its_tags(api):
    above = (await send(api, "/v2/my-project/tags/list")).json()
    assert above == {"name": "my-project", "child": ["deep"], "manifest": {}, "tags": []}
    found = (await send(api, "/v2/my-project/deep/er/tags/list")).json()
    assert (found["child"], found["tags"]) == ([], ["v1", "v2"])
    manifest = found["manifest"][DIGEST]
    assert (manifest["tag"], manifest["imageSizeBytes"]) == (["v1", "v2"], "7")
    assert abs(int(manifest["timeUploadedMs"]) - datetime.now(UTC).timestamp() * 1000) < 60_000


async def test_a_client_gets_its_own_token(api):
    challenge = await send(api, "/v2/", ANONYMOUS)
    assert challenge.status == 401
    assert challenge.headers["WWW-Authenticate"] == 'Bearer realm="https://gcr.io/v2/token",service="gcr.io"'
    basic = base64.b64encode(b"_token:ya29.x").decode()
    given = await send(api, "/v2/token?service=gcr.io", ANONYMOUS, headers={"Authorization": f"Basic {basic}"})
    assert given.json() == {"token": "ya29.x"}
    for wrong in ("Bearer x", "Basic !", "Basic eDp5", ""):
        refused = await send(api, "/v2/token", ANONYMOUS, headers={"Authorization": wrong} if wrong else None)
        assert refused.status == 401
    assert (await send(api, "/v2/")).status == 200


async def test_what_is_refused(api):
    assert (await send(api, "/v2/my-project/tags/list", SOMEBODY)).status == 403
    assert (await send(api, "/v2/my-project/tags/list", ANONYMOUS)).status == 401
    for verb, path in (("GET", "/v2/my-project/x/manifests/latest"), ("POST", "/v2/my-project/x/blobs/uploads/")):
        assert "Build them with `gcloud builds submit`" in (await send(api, path, verb=verb)).text
