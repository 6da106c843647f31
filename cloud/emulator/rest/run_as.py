"""``serviceAccount`` of a job or a deployment: whether the caller may have it run as that account."""

from cloud.backends.base import Backend
from cloud.engine.principal import Principal
from cloud.engine.project import mends
from cloud.engine.project.access import ProjectAccess
from cloud.errors import InvalidArgument, PermissionDenied

_ACT_AS = "iam.serviceAccounts.actAs"


class RunAs:
    """Args:
    access: the accounts of the project; None: what runs has the backend's account, and no other.
    agent: the e-mail address of the service's own; empty: the backend's account.
    """

    def __init__(self, backend: Backend, access: ProjectAccess | None, agent: str) -> None:
        self._backend, self._access, self._agent = backend, access, agent

    async def check(self, caller: Principal, account: str, field: str) -> None:
        """
        Args:
            account: as the request says it; empty if it does not.

        Raises:
            InvalidArgument: the backend runs nothing as this account.
            PermissionDenied: there is no such account, or the caller may not act as it.
        """
        if not account or account == self._agent:
            return
        if self._access is None:
            own = await self._backend.ml_service_account()
            if account != own:
                raise InvalidArgument(f"Jobs and models run as {own} here, not as {account[:200]!r}.", field=field)
            return
        exists = self._access.is_own_account(account)
        if exists and self._access.allows_on_account(caller, _ACT_AS, account):
            return
        # Google's words, which do not tell which of both it is; the mend does, to those who may know.
        grant = mends.on_account(account[:200], caller.email, _ACT_AS)
        mend = f"{caller.email} needs {_ACT_AS} on it. To allow it: {grant}"
        if not exists and self._access.allows(caller, "iam.serviceAccounts.list"):
            mend = (
                f"It is none of project {self._access.project}: `gcloud iam service-accounts list` shows those there "
                "are, and `gcloud iam service-accounts create NAME` makes one."
            )
        raise PermissionDenied(
            f"You do not have permission to act as service account: {account[:200]}. (or it may not exist). {mend}",
            permission=_ACT_AS,
            grant=grant if exists else "",
        )
