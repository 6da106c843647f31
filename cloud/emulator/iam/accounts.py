"""``iam.projects.serviceAccounts.*``."""

from cloud.emulator.iam.messages import account_json
from cloud.emulator.rest.call import Call, read_mask
from cloud.emulator.rest.lists import list_page, of_items
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.accounts import ServiceAccounts
from cloud.engine.project.records import ServiceAccount
from cloud.engine.project.roles import check_permission
from cloud.resources import Json


class AccountMethods:
    def __init__(self, access: ProjectAccess, accounts: ServiceAccounts) -> None:
        self._access, self._accounts = access, accounts

    async def create(self, call: Call) -> Json:
        texts = call.body.get("serviceAccount", {})
        made = self._accounts.create(
            call.body.get("accountId", ""), texts.get("displayName", ""), texts.get("description", "")
        )
        return self._json(made)

    async def get(self, call: Call) -> Json:
        return self._json(self._accounts.get(call.ids[1]))

    async def list(self, call: Call) -> Json:
        found = of_items(self._accounts.accounts(), lambda account: account.email, self._json)
        return await list_page(call, "accounts", found)

    async def patch(self, call: Call) -> Json:
        given = call.body.get("serviceAccount", {})
        mask = read_mask(call.body.get("updateMask", ""), "displayName", "description")
        name, description = (
            given.get(field, "") if field in mask else None for field in ("displayName", "description")
        )
        return self._json(self._accounts.describe(call.ids[1], name, description))

    async def update(self, call: Call) -> Json:
        """The older method: both texts, of which one that is left out stays."""
        given = call.body
        return self._json(self._accounts.describe(call.ids[1], given.get("displayName"), given.get("description")))

    async def delete(self, call: Call) -> Json:
        self._accounts.delete(call.ids[1])
        return {}

    async def get_policy(self, call: Call) -> Json:
        return self._accounts.policy(call.ids[1])

    async def set_policy(self, call: Call) -> Json:
        return self._accounts.set_policy(call.ids[1], call.body.get("policy", {}))

    async def test_permissions(self, call: Call) -> Json:
        account = self._accounts.get(call.ids[1]).email
        wanted = [check_permission(permission) for permission in call.body.get("permissions", ())]
        held = [
            permission
            for permission in dict.fromkeys(wanted)
            if self._access.allows_on_account(call.principal, permission, account)
        ]
        return {"permissions": held} if held else {}

    def _json(self, account: ServiceAccount) -> dict[str, Json]:
        return account_json(self._access.project, account, self._accounts.policy(account.email)["etag"])
