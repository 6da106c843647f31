"""Who asks, as every API and the guard of storage know it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an e-mail address; none for an anonymous caller."""

    email: str
    is_project_owner: bool = False

    @property
    def is_anonymous(self) -> bool:
        return not self.email


ANONYMOUS = Principal("")
