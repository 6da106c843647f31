"""``Principal``: the identity of a caller, for every API and for access control of storage."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The identity of a caller: an e-mail address, empty for an anonymous caller."""

    email: str
    is_project_owner: bool = False
    is_web_page: bool = False
    """Whether a page in a browser calls: it is anonymous, and grants are enforced for it in every mode."""

    @property
    def is_anonymous(self) -> bool:
        return not self.email


ANONYMOUS = Principal("")
WEB_PAGE = Principal("", is_web_page=True)
