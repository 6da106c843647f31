"""The one place where a request is let through or not."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.policy import Acl, BucketAccess
from cloud.engine.storage.records import BucketRecord
from cloud.settings import IamMode


@dataclass(frozen=True, slots=True)
class PolicyViolation:
    """Something that would have been refused."""

    email: str
    """Of who asked; empty for an anonymous caller."""
    permission: str
    bucket: str
    """Empty where the project itself is meant."""

    def __str__(self) -> str:
        where = f"gs://{self.bucket}" if self.bucket else "the project"
        return (
            f"{self.email or 'Anonymous caller'} does not have {self.permission} on {where}: strict mode refuses this"
        )


def summarize(violations: Mapping[PolicyViolation, int]) -> list[str]:
    """A line for each violation, with how often it happened."""
    return [f"{violation}{f', {count} times' if count > 1 else ''}" for violation, count in violations.items()]


_NO_BUCKET = BucketAccess()


class Guard:
    """Args:
    report: is told of each violation when it happens for the first time (mode ``SOFT``).
    """

    def __init__(self, mode: IamMode = IamMode.STRICT, report: Callable[[PolicyViolation], None] | None = None) -> None:
        self.mode = mode
        self._report = report
        self._violations: Counter[PolicyViolation] = Counter()

    @property
    def violations(self) -> dict[PolicyViolation, int]:
        """What would have been refused, and how often."""
        return dict(self._violations)

    def require(
        self, principal: Principal, permission: str, bucket: BucketRecord | None, object_acl: Acl | None = None
    ) -> None:
        """Args:
            bucket: None if it is about the project.

        Raises:
            Unauthenticated, PermissionDenied: see ``policy.refuse``.
        """
        access = bucket.access if bucket else _NO_BUCKET
        if not policy.allowed(principal, permission, access, object_acl):
            self.refuse(principal, permission, bucket)

    def refuse(self, principal: Principal, permission: str, bucket: BucketRecord | None) -> None:
        """What ``require`` does about a request that is not allowed: returns only where it passes all the same."""
        match self.mode:
            case IamMode.STRICT:
                policy.refuse(principal, permission)
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
        """Whether ``require`` would return. Asking is no violation."""
        return self.mode is not IamMode.STRICT or policy.allowed(principal, permission, bucket.access, object_acl)
