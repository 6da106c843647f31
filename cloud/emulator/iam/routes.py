"""IAM's service accounts and their keys: https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts."""

import re
from collections.abc import Iterable

from cloud.emulator.iam.accounts import AccountMethods
from cloud.emulator.iam.keys import KeyMethods
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import Method
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.accounts import OnDelete, ServiceAccounts

HOSTS = r"iam(?:\.mtls)?\.googleapis\.com"
DOCUMENT = "iam.v1"
_ON = "iam.projects.serviceAccounts."


class IamV1(Api):
    SERVICE, DOCUMENT = "iam.googleapis.com", DOCUMENT

    def __init__(self, access: ProjectAccess, on_delete: OnDelete | None = None) -> None:
        super().__init__(access.project, access.number, access)
        accounts = ServiceAccounts(access, on_delete)
        self._by_account = access.allows_on_account
        self._accounts, self._keys = AccountMethods(access, accounts), KeyMethods(access.project, accounts)

    def routes(self) -> Iterable[Route]:
        accounts, keys, kind = self._accounts, self._keys, "iam.serviceAccounts."
        return [
            Route(_ON + "create", accounts.create, kind + "create"),
            Route(_ON + "get", accounts.get, kind + "get"),
            Route(_ON + "list", accounts.list, kind + "list"),
            Route(_ON + "patch", accounts.patch, kind + "update"),
            Route(_ON + "update", accounts.update, kind + "update"),
            Route(_ON + "delete", accounts.delete, kind + "delete"),
            Route(_ON + "getIamPolicy", accounts.get_policy, kind + "getIamPolicy"),
            Route(_ON + "setIamPolicy", accounts.set_policy, kind + "setIamPolicy"),
            Route(_ON + "testIamPermissions", accounts.test_permissions),
            Route(_ON + "keys.create", keys.create, "iam.serviceAccountKeys.create"),
            Route(_ON + "keys.upload", keys.upload, "iam.serviceAccountKeys.create"),
            Route(_ON + "keys.get", keys.get, "iam.serviceAccountKeys.get"),
            Route(_ON + "keys.list", keys.list, "iam.serviceAccountKeys.list"),
            Route(_ON + "keys.delete", keys.delete, "iam.serviceAccountKeys.delete"),
        ]

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        method, name = super().match(http_method, raw_path)
        # - stands for the project of the account.
        return method, re.sub("^projects/-/", f"projects/{self.project}/", name)

    async def grants(self, call: Call, permission: str) -> bool:
        return len(call.ids) > 1 and self._by_account(call.principal, permission, call.ids[1])
