"""``Principal``: the identity of a caller, for every API and for access control of storage."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The identity of a caller: an e-mail address, empty for an anonymous caller."""

    email: str
    is_project_owner: bool = False

    @property
    def is_anonymous(self) -> bool:
        return not self.email


ANONYMOUS = Principal("")
