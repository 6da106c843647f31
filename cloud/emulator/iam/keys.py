"""``iam.projects.serviceAccounts.keys.*``: keys that programs outside of the cloud sign with."""

import asyncio
import base64
import hashlib
import time

from cloud.emulator.iam.messages import encoded, key_json, new_key_json
from cloud.emulator.oauth2.private_keys import Certificate, generate, parse
from cloud.emulator.rest.call import Call
from cloud.engine.project.accounts import ServiceAccounts
from cloud.engine.project.records import AccountKey
from cloud.errors import AlreadyExists, InvalidArgument
from cloud.resources import Json

_LEAST_BITS = 2048


class KeyMethods:
    def __init__(self, project: str, accounts: ServiceAccounts) -> None:
        self._project, self._accounts = project, accounts

    async def create(self, call: Call) -> Json:
        """The private half is in the answer, and nowhere else."""
        if call.body.get("privateKeyType", "") not in ("", "TYPE_UNSPECIFIED", "TYPE_GOOGLE_CREDENTIALS_FILE"):
            raise InvalidArgument(
                f"Only TYPE_GOOGLE_CREDENTIALS_FILE is made here, not {call.body['privateKeyType']}.",
                field="private_key_type",
            )
        self._accounts.get(call.ids[1])
        made = await asyncio.to_thread(generate)
        account = self._accounts.get(call.ids[1])  # which may be gone by now
        key = AccountKey(made.id, account.email, made.certificate, time.time())
        self._accounts.add_key(key)
        return new_key_json(self._project, key, made.file(account.email, self._project, account.unique_id))

    async def upload(self, call: Call) -> Json:
        """Of a key that was made elsewhere, the public half (https://cloud.google.com/iam/docs/keys-upload)."""
        account = self._accounts.get(call.ids[1])
        pem = _decoded(call.body.get("publicKeyData", ""))
        certificate = _parsed(pem)
        if certificate.public.key_size < _LEAST_BITS:
            raise _no_certificate(f"it has {certificate.public.key_size} bits, and {_LEAST_BITS} are the least")
        if certificate.last < time.time():
            raise _no_certificate("it has expired")
        # One certificate may be of several accounts.
        key_id = hashlib.sha256(f"{account.email} {pem.strip()}".encode()).hexdigest()[:40]
        key = AccountKey(key_id, account.email, pem, time.time())
        if any(known.id == key.id for known in self._accounts.keys(account.email)):
            raise AlreadyExists(f"The key {key.id} is uploaded already.")
        self._accounts.add_key(key)
        return key_json(self._project, key)

    async def get(self, call: Call) -> Json:
        key = self._accounts.key(call.ids[1], call.ids[2])
        found = key_json(self._project, key)
        match call.query.get("publicKeyType", "TYPE_NONE"):
            case "TYPE_X509_PEM_FILE":
                found["publicKeyData"] = encoded(key.public)
            case "TYPE_RAW_PUBLIC_KEY":
                found["publicKeyData"] = encoded(parse(key.public).public_pem)
        return found

    async def list(self, call: Call) -> Json:
        """Google's own keys of an account, ``SYSTEM_MANAGED``, are not listed."""
        kinds = call.query.get("keyTypes", [])
        if kinds and "USER_MANAGED" not in kinds:
            return {}
        keys = [key_json(self._project, key) for key in self._accounts.keys(call.ids[1])]
        return {"keys": keys} if keys else {}

    async def delete(self, call: Call) -> Json:
        self._accounts.delete_key(call.ids[1], call.ids[2])
        return {}


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        raise _no_certificate("it is not PEM in base64") from None


def _parsed(pem: str) -> Certificate:
    try:
        return parse(pem)
    except ValueError as error:
        raise _no_certificate(str(error)) from None


def _no_certificate(why: str) -> InvalidArgument:
    return InvalidArgument(f"No certificate (X.509, PEM) of an RSA key that is valid: {why}.", field="public_key_data")
