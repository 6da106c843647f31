import pytest

from cloud.engine.runtimes.uv_errors import Reason, explain, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET https://user:pw@host/simple/x", "GET https://****@host/simple/x"),
        ("https://token@host/a and http://u:p@h/b", "https://****@host/a and http://****@h/b"),
        ("https://host/x?token=abc&page=1", "https://host/x?token=****&page=1"),
        ("https://host/x?X-Amz-Signature=abc#sha256=1", "https://host/x?X-Amz-Signature=****#sha256=1"),
        ("the password hidden-one", "the password ****"),
        ("name @ https://host/a", "name @ https://host/a"),
    ],
)
def test_redact(text: str, expected: str) -> None:
    assert redact(text, frozenset({"hidden-one"})) == expected


OLDER = """  \u00d7 No solution found when resolving dependencies:
  \u2570\u2500\u25b6 Because there is no version of six==99 and you require six==99, we can conclude that your
      requirements are unsatisfiable."""


@pytest.mark.parametrize(
    ("output", "reason", "words"),
    [
        (OLDER, Reason.NO_VERSION, "no version of six==99"),
        ("error: No space left on device (os error 28)", Reason.UNWRITABLE, "CLOUD_RUNTIMES"),
        (
            "error: failed to create directory `/x`\n  cause: Read-only file system (os error 30)",
            Reason.UNWRITABLE,
            "Read-only file system: free some space",
        ),
        (
            "error: Failed to fetch: `https://i/simple/x/`\n  Caused by: error sending request for url (https://i/)\n"
            "  Caused by: client error (Connect)\n  Caused by: Connection refused (os error 111)",
            Reason.SILENT,
            "https://i/simple/x/ does not answer (Connection refused",
        ),
        (
            "error: Failed to fetch: http://i/x/\n  cause: HTTP status server error (503 Service Unavailable) for url",
            Reason.SILENT,
            "503 Service Unavailable",
        ),
        (
            "error: Failed to fetch: http://i/a.whl\n  cause: HTTP status client error (403 Forbidden) for url (http://i/a.whl)",
            Reason.UNAUTHORIZED,
            "http://i/a.whl refuses the credentials (403 Forbidden)",
        ),
        ("error: something new", Reason.OTHER, "uv failed: error: something new"),
    ],
)
def test_explain(output: str, reason: Reason, words: str) -> None:
    error = explain(output)

    assert error.reason is reason, error
    assert words in str(error)
