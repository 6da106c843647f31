from pathlib import Path

import pytest

from cloud.engine.runtimes.index_urls import Index, indexes, is_first_only, is_offline, netrc_login, without_login

PYPI = Index("https://pypi.org/simple")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, [PYPI]),
        ({"UV_DEFAULT_INDEX": "https://me:p%40ss@host/simple/"}, [Index("https://host/simple", ("me", "p@ss"))]),
        ({"UV_INDEX_URL": "http://old/simple"}, [Index("http://old/simple")]),
        (
            {"UV_INDEX": "first=https://a/s https://b/s?x=1", "UV_EXTRA_INDEX_URL": "https://c/s"},
            [Index("https://a/s"), Index("https://b/s?x=1"), Index("https://c/s"), PYPI],
        ),
        (
            {
                "UV_INDEX": "my-own=https://a/s",
                "UV_INDEX_MY_OWN_USERNAME": "me",
                "UV_INDEX_MY_OWN_PASSWORD": "secret",
                "UV_DEFAULT_INDEX": "https://b/s",
            },
            [Index("https://a/s", ("me", "secret")), Index("https://b/s")],
        ),
        ({"UV_INDEX": "file:///opt/pypi/simple"}, [PYPI]),
        ({"UV_NO_INDEX": "1"}, []),
    ],
)
def test_indexes_of_variables(environ: dict[str, str], expected: list[Index]) -> None:
    assert indexes({"UV_NO_CONFIG": "1", **environ}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('index-url = "https://a/s"\nextra-index-url = ["https://b/s"]', [Index("https://b/s"), Index("https://a/s")]),
        ('[pip]\nindex-url = "https://a/s"', [Index("https://a/s")]),
        (
            '[[index]]\nname = "x"\nurl = "https://a/s"\n[[index]]\nurl = "https://b/s"\ndefault = true\n'
            '[[index]]\nname = "only-named"\nurl = "https://c/s"\nexplicit = true',
            [Index("https://a/s"), Index("https://b/s")],
        ),
        ("no-index = true", []),
        ("index = 3\nextra-index-url = 4", [PYPI]),
    ],
)
def test_indexes_of_uvs_own_file(tmp_path: Path, text: str, expected: list[Index]) -> None:
    file = tmp_path / "uv.toml"
    file.write_text(text)

    assert indexes({"UV_CONFIG_FILE": str(file)}) == expected


def test_strategy_and_offline() -> None:
    none = {"UV_NO_CONFIG": "1"}

    assert is_first_only(none)
    assert not is_first_only({**none, "UV_INDEX_STRATEGY": "unsafe-best-match"})
    assert not is_offline(none)
    assert is_offline({**none, "UV_OFFLINE": "true"})


def test_logins(tmp_path: Path) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine host login me password secret\n")
    file.chmod(0o600)

    assert netrc_login({"NETRC": str(file)}, "host") == ("me", "secret")
    assert netrc_login({"NETRC": str(file)}, "other") is None
    assert netrc_login({"HOME": "/nowhere"}, "host") is None
    assert without_login("https://tok3n@host:8/a?b") == ("https://host:8/a?b", ("tok3n", ""))
    assert without_login("https://host/a") == ("https://host/a", None)
