"""Google's and gcloud-aio's own authentication, unmodified, in a process with a job's environment or an owner's."""

import asyncio
import json
import subprocess
import sys

import pytest
from aiohttp import web

from cloud.emulator.app import Emulator
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.principal import Principal
from cloud.engine.project.identities import ml_service_account, owner
from cloud.gateway.environ import client_environ
from cloud.gateway.tunnel import Gateway
from cloud.settings import inherited_environ

PROJECT = "my-project"
ACCOUNT, ME = ml_service_account(PROJECT), owner(PROJECT)
URL = "https://storage.googleapis.com/storage/v1/b"

GOOGLE_AUTH = f"""
import google.auth, google.auth.transport.requests as transport
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
answer = transport.AuthorizedSession(credentials).get("{URL}")
print(project, answer.text)
"""
GCLOUD_AIO = f"""
import asyncio, aiohttp
from gcloud.aio.auth import AioSession, Token
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        token = Token(session=AioSession(session), scopes=["https://www.googleapis.com/auth/cloud-platform"])
        project = await token.get_project()
        async with session.get("{URL}", headers={{"Authorization": f"Bearer {{await token.get()}}"}}) as answer:
            print(project, await answer.text())
asyncio.run(main())
"""


class EchoPrincipal:
    async def handle(self, request: web.Request, principal: Principal, /) -> web.StreamResponse:
        return web.Response(text=principal.email)


async def run(folder, script: str, credentials: str) -> str:
    keys = KeyRing()
    emulator = Emulator(PROJECT, "us-central1", EchoPrincipal(), TokenRegistry(), keys)
    gateway = Gateway(emulator, folder / "ca")
    await gateway.start()
    file = None
    if credentials != "metadata":
        file = folder / "credentials.json"
        content = keys.user_file(ME) if credentials == "user" else keys.service_account_file(ACCOUNT, PROJECT)
        file.write_text(json.dumps(dict(content)))
    environ = client_environ(
        proxy_url=gateway.url,
        ca_file=gateway.ca_file,
        metadata_host=gateway.address,
        project=PROJECT,
        credentials_file=file,
    )
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            env=inherited_environ() | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, error = await process.communicate()
    finally:
        await gateway.close()
        await emulator.close()
    assert process.returncode == 0, error.decode()
    return out.decode().strip()


@pytest.mark.parametrize(
    ("credentials", "email"), [("metadata", ACCOUNT.email), ("service account key", ACCOUNT.email), ("user", ME.email)]
)
@pytest.mark.parametrize("script", [GOOGLE_AUTH, GCLOUD_AIO], ids=["google-auth", "gcloud-aio"])
async def test_a_clients_identity_comes_from_its_credentials(tmp_path, script, credentials, email):
    assert await run(tmp_path, script, credentials) == f"{PROJECT} {email}"
