"""``ProjectAccess``: who may do what on the project as a whole, for every API."""

import time
from collections.abc import Mapping
from pathlib import Path

from cloud.engine.notifier import Changes
from cloud.engine.principal import Principal
from cloud.engine.project import etags, identities, policy
from cloud.engine.project.records import ProjectRecords, ServiceAccount
from cloud.engine.project.roles import EDITOR, OWNER, VIEWER
from cloud.resources import Json
from cloud.settings import ServiceAgents

_TEAMS = {OWNER: "owners", EDITOR: "editors", VIEWER: "viewers"}


class ProjectAccess:
    """The project's IAM policy, enforced: its roles count beside those of a bucket, a model or a job.

    Args:
        folder: private to this; exists.
        agents: whether the service agents have Google's roles; a stored policy is changed where it differs.

    Raises:
        FailedPrecondition: the folder cannot be used.
    """

    def __init__(self, project: str, folder: Path, agents: ServiceAgents) -> None:
        self.project, self.number, self.agents = project, identities.project_number(project), agents
        self.records = ProjectRecords(folder / "project.sqlite3")
        self._decided: dict[tuple[str, str], bool] = {}
        self._entities: dict[str, frozenset[str]] = {}
        self.changes = Changes()
        """Of the policy."""
        wanted = agents is ServiceAgents.GOOGLE
        found = self.records.project()
        if found is None:
            self.create_time = time.time()
            first = policy.first_bindings(project, with_agents=wanted)
            self.records.make(self.create_time, agents, {"version": 1, "bindings": first})
            self.records.add_account(_default_account(project, self.create_time))
        else:
            self.create_time, made_with, stored = found
            if made_with != agents:
                bindings = policy.with_agents(stored.fields["bindings"], project, wanted=wanted)
                self.records.set_policy({**stored.fields, "bindings": bindings}, agents)
        self.load_policy()
        self.load_accounts()

    def close(self) -> None:
        self.records.close()

    # ---------------------------------------------------------------- decisions

    def allows(self, principal: Principal, permission: str) -> bool:
        """Whether ``principal`` has ``permission`` on the project, and so on everything in it."""
        if principal.is_project_owner:
            return True
        key = principal.email, permission
        found = self._decided.get(key)
        if found is None:
            found = self._decided[key] = self.grants(principal, permission)
        return found

    def grants(self, principal: Principal, permission: str) -> bool:
        """The same for a permission that a caller names: nothing is remembered."""
        return principal.is_project_owner or policy.grants(self.bindings, principal, permission)

    def teams(self, principal: Principal) -> frozenset[str]:
        """The entities of ACLs that include ``principal`` by its basic roles: ``project-editors-NUMBER``."""
        found = self._entities.get(principal.email)
        if found is None:
            roles = policy.roles_of(self.bindings, principal)
            found = frozenset(f"project-{_TEAMS[role]}-{self.number}" for role in roles if role in _TEAMS)
            self._entities[principal.email] = found
        return found

    # ---------------------------------------------------------------- the policy

    @property
    def bindings(self) -> list[policy.Binding]:
        return self._bindings

    def policy(self) -> dict[str, Json]:
        """Google's ``Policy``, with its etag."""
        return {**self.stored.fields, "etag": etags.etag(self.stored.revision)}

    def set_policy(self, given: Mapping[str, Json]) -> dict[str, Json]:
        """Replace the policy; returns what is stored.

        Raises:
            Aborted: it was changed since the etag in ``given`` was read.
            InvalidArgument: it is not one for a project, or removes the owner.
        """
        policy.check_bindings(given.get("bindings", ()))
        bindings = policy.normal(given.get("bindings", ()))
        policy.check_of_project(bindings, self.project, self.account_exists)
        etags.check(given.get("etag"), etags.etag(self.stored.revision))
        kept = {name: value for name, value in given.items() if name not in ("etag", "bindings", "version")}
        self.records.set_policy({"version": policy.version(bindings), "bindings": bindings, **kept})
        self.load_policy()
        return self.policy()

    # ---------------------------------------------------------------- service accounts

    def account_exists(self, email: str) -> bool:
        """Whether a service account does: one of Google's, one of another project, or one that was made here."""
        mine = email.lower().endswith(f"@{self.project}.iam.gserviceaccount.com")
        return not mine or self.is_own_account(email)

    def is_own_account(self, email: str) -> bool:
        """Whether it is a service account of this project: one that was made here, or the default one."""
        return email in self._accounts

    def allows_on_account(self, principal: Principal, permission: str, account: str) -> bool:
        """Whether ``principal`` has ``permission`` on a service account: by its own policy or the project's."""
        if self.allows(principal, permission):
            return True
        bindings = self.records.account_policy(account).fields.get("bindings", ())
        return policy.grants(bindings, principal, permission)

    def load_policy(self) -> None:
        """Take up what is recorded."""
        found = self.records.project()
        if found is None:
            raise RuntimeError("the record of the project is gone")
        self.stored = found[2]
        self._bindings: list[policy.Binding] = self.stored.fields["bindings"]
        self._decided.clear()
        self._entities.clear()
        self.changes.notify()

    def load_accounts(self) -> None:
        """Take up what is recorded."""
        self._accounts = frozenset(account.email for account in self.records.accounts())


def _default_account(project: str, create_time: float) -> ServiceAccount:
    email = identities.compute_account(project).email
    unique_id = str(10**20 + identities.project_number(project))
    return ServiceAccount(email, unique_id, "Compute Engine default service account", create_time=create_time)
