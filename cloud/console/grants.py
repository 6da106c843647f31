"""Who may what: the project's policy, and the policies and access control lists (ACLs) of buckets and objects.

A grant is named by the list that it is in, its role and its grantee; forms add one to a list and remove one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from cloud.console.rendering import page
from cloud.engine.principal import Principal
from cloud.engine.project import identities
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.members import member_of
from cloud.engine.project.policy import Binding
from cloud.engine.project.roles import ROLES
from cloud.engine.storage.acls import AclTarget
from cloud.engine.storage.iam import PolicyTarget
from cloud.engine.storage.listing import ListQuery
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.records import BucketRecord
from cloud.engine.storage.roles import BUCKET_ROLES, OBJECT_ROLES, ROLE_PERMISSIONS
from cloud.engine.storage.service import StorageService
from cloud.errors import CloudError, InvalidArgument

_LOOKED_AT = 200
"""Objects of a bucket of which the lists are read to tell whether an account reads them all."""


@dataclass(frozen=True, slots=True)
class Grant:
    role: str
    grantee: str
    """As the list writes it: a member of a policy, or an entity of an ACL."""
    name: str = ""
    """What the grantee is here, if it is one that every project has."""


@dataclass(frozen=True, slots=True)
class GrantList:
    """A list of grants, with what can be added to it."""

    id: str
    """``policy``, ``acl``, ``default`` or ``object``."""
    grants: tuple[Grant, ...]
    roles: tuple[str, ...]
    example: str
    """Of a grantee."""


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """What the ML service account may do with one bucket: what the lab's three commands grant."""

    bucket: str
    lists: bool
    creates: bool
    reads: bool
    """Every object, of the first few."""
    reads_new: bool

    @property
    def is_whole(self) -> bool:
        return self.lists and self.creates and self.reads and self.reads_new


class GrantPages:
    """Args:
    owner: reads and changes.
    """

    def __init__(self, project: ProjectAccess, storage: StorageService, owner: Principal) -> None:
        self._project, self._storage, self._owner = project, storage, owner
        self._account = identities.ml_service_account(project.project)
        name = project.project
        self._names = {
            owner.email: "you, the owner",
            self._account.email: "ML Engine's service account",
            identities.vertex_service_agent(name).email: "Vertex AI's service agent",
            identities.custom_code_agent(name).email: "Vertex AI's agent for custom code",
            identities.compute_account(name).email: "the default service account",
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/iam", self.project),
            web.post("/iam", self.change_project),
            web.get("/iam/{bucket}", self.bucket),
            web.post("/iam/{bucket}", self.change_bucket),
        ]

    # ---------------------------------------------------------------- the project

    async def project(self, request: web.Request, error: str = "") -> web.Response:
        grants = tuple(
            Grant(binding["role"], member, self._name(member))
            for binding in self._project.bindings
            for member in binding["members"]
        )
        buckets = [self._access(bucket) for bucket in self._storage.buckets.list_all(self._owner)]
        lacking = [each for each in buckets if not each.is_whole]
        return page(
            request,
            "iam.html",
            live="iam",
            lists=[GrantList("policy", grants, ROLES, member_of(self._account.email))],
            account=self._account.email,
            buckets=buckets,
            is_lacking=bool(lacking) or not buckets,
            example=next((each.bucket for each in [*lacking, *buckets]), "BUCKET"),
            error=error,
        )

    async def change_project(self, request: web.Request) -> web.Response:
        form = await request.post()
        role, member = (str(form.get(field, "")).strip() for field in ("role", "grantee"))
        bindings: list[Binding] = [*self._project.bindings]
        if "remove" in form:
            bindings = [
                {**each, "members": [one for one in each["members"] if (each["role"], one) != (role, member)]}
                for each in bindings
            ]
        else:
            bindings.append({"role": role, "members": [member]})
        try:
            self._project.set_policy({**self._project.policy(), "bindings": bindings})
        except CloudError as error:
            return await self.project(request, str(error))
        raise web.HTTPSeeOther("/iam")

    # ---------------------------------------------------------------- buckets and objects

    async def bucket(self, request: web.Request, error: str = "") -> web.Response:
        bucket, name = request.match_info["bucket"], request.query.get("name")
        record = self._storage.buckets.get(self._owner, bucket)
        return page(
            request,
            "iam_bucket.html",
            live="iam",
            bucket=record,
            object=name,
            lists=self._object_lists(record, name) if name is not None else self._bucket_lists(record),
            account=self._account.email,
            access=self._access(record),
            error=error,
        )

    async def change_bucket(self, request: web.Request) -> web.Response:
        bucket, name = request.match_info["bucket"], request.query.get("name")
        form = await request.post()
        found, role, grantee = (str(form.get(field, "")).strip() for field in ("list", "role", "grantee"))
        try:
            if found == "policy":
                self._change_policy(bucket, role, self._storage.members.entity(grantee), is_gone="remove" in form)
            elif found in ("acl", "default", "object"):
                target = AclTarget(bucket, name if found == "object" else None, is_default=found == "default")
                if "remove" in form:
                    self._storage.acls.remove(self._owner, target, grantee)
                else:
                    self._storage.acls.put(self._owner, target, self._entity(grantee), role)
            else:
                raise InvalidArgument(f"there is no list {found[:50]!r}", field="list")
        except CloudError as error:
            return await self.bucket(request, str(error))
        raise web.HTTPSeeOther(request.path_qs)

    def _change_policy(self, bucket: str, role: str, entity: str, *, is_gone: bool) -> None:
        target = PolicyTarget(bucket)
        policy = self._storage.iam.get(self._owner, target)
        held = set(policy.bindings.get(role, ()))
        changed = held - {entity} if is_gone else held | {entity}
        self._storage.iam.set(
            self._owner, target, {**policy.bindings, role: tuple(sorted(changed))}, version=policy.version
        )

    def _entity(self, grantee: str) -> str:
        """An ACL's entity: as it is, or by an account's address, as ``gsutil acl ch -u`` takes it."""
        return f"user-{grantee}" if "@" in grantee and not grantee.startswith(("user-", "group-")) else grantee

    def _bucket_lists(self, record: BucketRecord) -> list[GrantList]:
        is_uniform = record.access.is_uniform
        legacy = set() if is_uniform else set(BUCKET_ROLES.values())
        policy = self._storage.iam.get(self._owner, PolicyTarget(record.name)).bindings
        grants = [
            Grant(role, self._storage.members.member(entity), self._name(entity))
            for role, entities in policy.items()
            if role not in legacy
            for entity in entities
        ]
        roles = tuple(role for role in ROLE_PERMISSIONS if role not in legacy)
        found = [GrantList("policy", tuple(grants), roles, member_of(self._account.email))]
        if not is_uniform:
            found += [
                self._acl("acl", AclTarget(record.name), BUCKET_ROLES),
                self._acl("default", AclTarget(record.name, is_default=True), OBJECT_ROLES),
            ]
        return found

    def _object_lists(self, record: BucketRecord, name: str) -> list[GrantList]:
        self._storage.objects.get(self._owner, record.name, name)
        return [] if record.access.is_uniform else [self._acl("object", AclTarget(record.name, name), OBJECT_ROLES)]

    def _acl(self, name: str, target: AclTarget, roles: Iterable[str]) -> GrantList:
        entries, _ = self._storage.acls.entries(self._owner, target)
        grants = tuple(Grant(role.value, entity, self._name(entity)) for entity, role in sorted(entries.items()))
        return GrantList(name, grants, tuple(str(role) for role in roles), self._account.email)

    def _name(self, grantee: str) -> str:
        return self._names.get(grantee.removeprefix("user-").partition(":")[2] or grantee.removeprefix("user-"), "")

    def _access(self, record: BucketRecord) -> AccountAccess:
        """What the ML service account may do with a bucket."""
        guard, account = self._storage.guard, self._account
        first = self._storage.objects.list_page(self._owner, record.name, ListQuery(max_results=_LOOKED_AT)).items

        def may(permission: str, acl: Acl | None = None) -> bool:
            return guard.grants(account, f"storage.objects.{permission}", record, acl)

        return AccountAccess(
            record.name,
            lists=may("list"),
            creates=may("create"),
            reads=all(may("get", each.acl) for each in first),
            reads_new=may("get", record.default_acl),
        )
