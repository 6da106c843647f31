"""``ServiceAccounts``: the service accounts that were made in the project.

https://cloud.google.com/iam/docs/service-accounts-create, error texts as at Google.
"""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from cloud.engine.project import etags, policy
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.members import EVERYBODY, member_of
from cloud.engine.project.records import AccountKey, ServiceAccount
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.resources import Json

MAX_KEYS = 10
"""Of one account (https://cloud.google.com/iam/quotas)."""
_ID = re.compile(r"[a-z]([-a-z0-9]{4,28}[a-z0-9])")
OnDelete = Callable[[str, str], None]
_LONGEST_NAME, _LONGEST_DESCRIPTION = 100, 256
"""Bytes (discovery document ``iam.v1``, schema ``ServiceAccount``)."""


class ServiceAccounts:
    """Args:
    on_delete: called with an account's member and what it is from now on, to change policies that are not kept here.
    """

    def __init__(self, access: ProjectAccess, on_delete: OnDelete | None = None) -> None:
        self._access, self._records, self._on_delete = access, access.records, on_delete

    def create(self, account_id: str, display_name: str = "", description: str = "") -> ServiceAccount:
        """Raises:
        InvalidArgument: the id or a text is none that Google takes.
        AlreadyExists: there is one with this id.
        """
        if not _ID.fullmatch(account_id):
            raise InvalidArgument(
                f"An account id is 6 to 30 lower-case letters, digits and hyphens, the first a letter: "
                f"{account_id[:60]!r}.",
                field="account_id",
            )
        email = f"{account_id}@{self._access.project}.iam.gserviceaccount.com"
        if self._records.account(email):
            raise AlreadyExists(
                f"Service account {account_id} already exists within project projects/{self._access.project}."
            )
        made = ServiceAccount(email, str(10**20 + secrets.randbelow(10**19)), create_time=time.time())
        made = _described(made, display_name, description)
        self._records.add_account(made)
        self._access.load_accounts()
        return made

    def get(self, name: str) -> ServiceAccount:
        """Args:
            name: its e-mail address or its unique id.

        Raises:
            NotFound: there is none.
        """
        found = self._records.account(name)
        if found is None and name.isdecimal():
            found = next((account for account in self._records.accounts() if account.unique_id == name), None)
        if found is None:
            raise NotFound(f"Unknown service account: {name[:200]}")
        return found

    def accounts(self) -> list[ServiceAccount]:
        """By e-mail address."""
        return self._records.accounts()

    def describe(self, name: str, display_name: str | None, description: str | None) -> ServiceAccount:
        """Change its texts; None leaves one as it is."""
        account = self.get(name)
        changed = _described(
            account,
            account.display_name if display_name is None else display_name,
            account.description if description is None else description,
        )
        self._records.describe_account(changed)
        return changed

    def delete(self, name: str) -> None:
        """With its keys. Its grants on the project and on buckets are those of a deleted account from now on: a new one
        of its name has none of them (https://cloud.google.com/iam/docs/service-accounts-delete-undelete)."""
        account = self.get(name)
        member = member_of(account.email)
        gone = f"deleted:{member}?uid={account.unique_id}"
        if self._on_delete:
            self._on_delete(member, gone)
        fields = self._access.stored.fields
        bindings = policy.normal(
            {**binding, "members": [gone if each == member else each for each in binding["members"]]}
            for binding in fields["bindings"]
        )
        self._records.remove_account(account.email, {**fields, "bindings": bindings})
        self._access.load_policy()
        self._access.load_accounts()

    # ---------------------------------------------------------------- policies

    def policy(self, name: str) -> dict[str, Json]:
        """Google's ``Policy`` of the account: who may use it."""
        stored = self._records.account_policy(self.get(name).email)
        return {**stored.fields, "etag": etags.etag(stored.revision)}

    def set_policy(self, name: str, given: Mapping[str, Json]) -> dict[str, Json]:
        """Raises:
        Aborted: it was changed since the etag in ``given`` was read.
        InvalidArgument: it is not one for a service account.
        """
        account = self.get(name)
        policy.check_bindings(given.get("bindings", ()))
        bindings = policy.normal(given.get("bindings", ()))
        if any(member in EVERYBODY for binding in bindings for member in binding["members"]):
            raise InvalidArgument(
                "A service account's policy cannot have allUsers or allAuthenticatedUsers as a member.",
                field="policy.bindings.members",
            )
        etags.check(given.get("etag"), etags.etag(self._records.account_policy(account.email).revision))
        kept = {name: value for name, value in given.items() if name != "etag"}
        self._records.set_account_policy(
            account.email, {**kept, "version": policy.version(bindings), "bindings": bindings}
        )
        return self.policy(account.email)

    # ---------------------------------------------------------------- keys

    def add_key(self, key: AccountKey) -> None:
        """Raises:
        FailedPrecondition: the account has as many as it may.
        """
        if len(self._records.keys(key.email)) >= MAX_KEYS:
            raise FailedPrecondition(f"Precondition check failed: {key.email} has {MAX_KEYS} keys already: delete one.")
        self._records.add_key(key)

    def keys(self, name: str) -> list[AccountKey]:
        """From the oldest on."""
        return self._records.keys(self.get(name).email)

    def key(self, name: str, key_id: str) -> AccountKey:
        """Raises:
        NotFound: there is no such key, or no such account.
        """
        found = next((key for key in self.keys(name) if key.id == key_id), None)
        if found is None:
            raise NotFound(f"Service account key {key_id[:60]} does not exist.")
        return found

    def delete_key(self, name: str, key_id: str) -> None:
        self._records.remove_key(self.key(name, key_id))


def _described(account: ServiceAccount, display_name: str, description: str) -> ServiceAccount:
    for text, most, field in (
        (display_name, _LONGEST_NAME, "display_name"),
        (description, _LONGEST_DESCRIPTION, "description"),
    ):
        if len(text.encode()) > most:
            raise InvalidArgument(f"At most {most} bytes, not {len(text.encode())}.", field=f"service_account.{field}")
    return replace(account, display_name=display_name, description=description)
