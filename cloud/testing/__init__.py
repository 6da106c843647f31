"""For tests of programs that use this project: a contract for backends, and a client without sockets."""

import sys

if sys.modules.get("pytest") is not None:
    import pytest

    # Before it is imported, so that a failed assert shows the compared values.
    pytest.register_assert_rewrite("cloud.testing.contract")
