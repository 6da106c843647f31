"""Errors of the token endpoint, in its own format, which is not Google's error JSON (RFC 6749 §5.2)."""


class TokenRefused(Exception):
    """Why a token request is refused.

    Args:
        error: the code, one of RFC 6749 or of Google's own.
        status: of HTTP.
    """

    def __init__(self, description: str, error: str = "invalid_request", status: int = 400) -> None:
        super().__init__(description)
        self.description, self.error, self.status = description, error, status


class InvalidGrant(TokenRefused):
    def __init__(self, description: str) -> None:
        super().__init__(description, "invalid_grant")
