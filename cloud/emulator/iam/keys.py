"""``iam.projects.serviceAccounts.keys.*``: keys that programs outside of the cloud sign with."""

import asyncio
import time

from cloud.emulator.iam.messages import encoded, key_json, new_key_json
from cloud.emulator.oauth2.private_keys import generate, public_pem
from cloud.emulator.rest.call import Call
from cloud.engine.project.accounts import ServiceAccounts
from cloud.engine.project.records import AccountKey
from cloud.errors import InvalidArgument
from cloud.resources import Json


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

    async def get(self, call: Call) -> Json:
        key = self._accounts.key(call.ids[1], call.ids[2])
        found = key_json(self._project, key)
        match call.query.get("publicKeyType", "TYPE_NONE"):
            case "TYPE_X509_PEM_FILE":
                found["publicKeyData"] = encoded(key.public)
            case "TYPE_RAW_PUBLIC_KEY":
                found["publicKeyData"] = encoded(public_pem(key.public))
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
