"""The enforcement of permissions: every request to Cloud Storage is allowed or refused here."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from cloud.engine.principal import Principal
from cloud.engine.project import mends
from cloud.engine.project.access import ProjectAccess
from cloud.engine.storage import policy
from cloud.engine.storage.policy import Acl, BucketAccess
from cloud.engine.storage.records import BucketRecord
from cloud.errors import PermissionDenied
from cloud.settings import IamMode


@dataclass(frozen=True, slots=True)
class PolicyViolation:
    """A request that strict mode would refuse."""

    email: str
    """The caller's; empty for an anonymous caller."""
    permission: str
    bucket: str
    """Empty for a permission on the project."""

    def __str__(self) -> str:
        where = f"gs://{self.bucket}" if self.bucket else "the project"
        return (
            f"{self.email or 'Anonymous caller'} does not have {self.permission} on {where}: strict mode refuses this"
        )


def summarize(violations: Mapping[PolicyViolation, int]) -> list[str]:
    """A line for each violation, with its number of occurrences."""
    return [f"{violation}{f', {count} times' if count > 1 else ''}" for violation, count in violations.items()]


_NO_BUCKET = BucketAccess()


class Guard:
    """Args:
    report: called at the first occurrence of each violation (mode ``SOFT``).
    project: roles on it; None: only its owner has any.
    """

    def __init__(
        self,
        mode: IamMode = IamMode.STRICT,
        report: Callable[[PolicyViolation], None] | None = None,
        project: ProjectAccess | None = None,
    ) -> None:
        self.mode = mode
        self._report = report
        self._project = project
        self._violations: Counter[PolicyViolation] = Counter()

    @property
    def violations(self) -> dict[PolicyViolation, int]:
        """Number of occurrences of each violation."""
        return dict(self._violations)

    def require(
        self, principal: Principal, permission: str, bucket: BucketRecord | None, object_acl: Acl | None = None
    ) -> None:
        """Args:
            bucket: None for a permission on the project.

        Raises:
            Unauthenticated, PermissionDenied: see ``policy.refuse``.
        """
        if not self.grants(principal, permission, bucket, object_acl):
            self.refuse(principal, permission, bucket)

    def refuse(self, principal: Principal, permission: str, bucket: BucketRecord | None) -> None:
        """Refuse a request that is not allowed, as the mode says: outside strict mode this returns.

        The mode is the owner's choice for programs: any page of the internet in a browser here is refused always.
        """
        if bucket and bucket.is_foreign:
            _refuse_foreign(principal, permission)
        match IamMode.STRICT if principal.is_web_page else self.mode:
            case IamMode.STRICT:
                policy.refuse(principal, permission, self._grant(principal, permission, bucket))
            case IamMode.SOFT:
                violation = PolicyViolation(principal.email, permission, bucket.name if bucket else "")
                self._violations[violation] += 1
                if self._violations[violation] == 1 and self._report:
                    self._report(violation)
            case IamMode.OFF:
                return

    def permits(
        self, principal: Principal, permission: str, bucket: BucketRecord, object_acl: Acl | None = None
    ) -> bool:
        """Whether ``require`` would return. Never records a violation."""
        is_strict = principal.is_web_page or self.mode is IamMode.STRICT or bucket.is_foreign
        return not is_strict or self.grants(principal, permission, bucket, object_acl)

    def grants(
        self, principal: Principal, permission: str, bucket: BucketRecord | None, object_acl: Acl | None = None
    ) -> bool:
        """Whether ``principal`` has ``permission``, whatever the mode."""
        if bucket and bucket.is_foreign:
            return policy.allowed(replace(principal, is_project_owner=False), permission, bucket.access)
        access = bucket.access if bucket else _NO_BUCKET
        return policy.allowed(principal, permission, access, object_acl, self._project)

    def _grant(self, principal: Principal, permission: str, bucket: BucketRecord | None) -> str:
        if bucket:
            return mends.on_bucket(bucket.name, principal.email, permission)
        return mends.on_project(self._project.project, principal.email, permission) if self._project else ""


def _refuse_foreign(principal: Principal, permission: str) -> NoReturn:
    try:
        policy.refuse(principal, permission)
    except PermissionDenied as error:
        raise PermissionDenied(
            f"{error.message} The bucket is a folder of this machine that may be read only."
        ) from None
