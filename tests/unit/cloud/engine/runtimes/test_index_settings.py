from pathlib import Path

import pytest

from cloud.engine.runtimes.index_settings import secrets_of, uv_index_environ, wheelhouses


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}


def settings(environ: dict[str, str], tmp_path: Path, /, **files: str) -> dict[str, str]:
    for place, text in files.items():
        path = {
            "machine": tmp_path / "xdg/pip/pip.conf",
            "user": tmp_path / "home/.config/pip/pip.conf",
            "legacy": tmp_path / "home/.pip/pip.conf",
            "site": tmp_path / "prefix/pip.conf",
            "chosen": tmp_path / "chosen.conf",
            "uv": tmp_path / "home/.config/uv/uv.toml",
        }[place]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = uv_index_environ(environ, tmp_path / "prefix")
    # What the machine that runs the tests has in /etc/pip.conf.
    return {name: value for name, value in found.items() if name not in ("SSL_CERT_FILE",) or "cert" in str(files)}


def conf(url: str) -> str:
    return f"[global]\nindex-url = {url}\n"


def test_variables_of_pip(user: dict[str, str], tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    user |= {
        "PIP_INDEX_URL": "https://a/simple",
        "PIP_EXTRA_INDEX_URL": "https://b/simple https://c/simple",
        "PIP_FIND_LINKS": f"{wheels} {tmp_path / 'absent'} https://d/links",
        "PIP_NO_INDEX": "true",
        "PIP_CERT": "/ca.pem",
        "PIP_CLIENT_CERT": "/client.pem",
        "PIP_TRUSTED_HOST": "a b",
        "PIP_PROXY": "http://proxy:1",
        "PIP_CONFIG_FILE": "/dev/null",
    }

    assert uv_index_environ(user, tmp_path) == {
        "UV_DEFAULT_INDEX": "https://a/simple",
        "UV_INDEX": "https://b/simple https://c/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": f"{wheels},https://d/links",
        "SSL_CERT_FILE": "/ca.pem",
        "SSL_CLIENT_CERT": "/client.pem",
        "ALL_PROXY": "http://proxy:1",
        "UV_INSECURE_HOST": "a b",
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"machine": conf("https://m")}, "https://m"),
        ({"machine": conf("https://m"), "legacy": conf("https://l")}, "https://l"),
        ({"legacy": conf("https://l"), "user": conf("https://u")}, "https://u"),
        ({"user": conf("https://u"), "site": conf("https://s")}, "https://s"),
        ({"site": "[install]\nindex_url = https://i\n[global]\nindex-url = https://g\n"}, "https://i"),
        ({"user": "[global\nbroken", "machine": conf("https://m")}, "https://m"),
    ],
)
def test_files_of_pip(user: dict[str, str], tmp_path: Path, files: dict[str, str], expected: str) -> None:
    assert settings(user, tmp_path, **files)["UV_DEFAULT_INDEX"] == expected


def test_variables_come_before_files_and_a_chosen_file_replaces_the_users(user: dict[str, str], tmp_path: Path) -> None:
    chosen = user | {"PIP_CONFIG_FILE": str(tmp_path / "chosen.conf")}
    found = settings(chosen, tmp_path, user="[global]\nproxy = http://p\n", chosen=conf("https://c"))
    assert found["UV_DEFAULT_INDEX"] == "https://c"
    assert "ALL_PROXY" not in found

    assert settings(chosen | {"PIP_INDEX_URL": "https://v"}, tmp_path)["UV_DEFAULT_INDEX"] == "https://v"


@pytest.mark.parametrize("name", ["UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX_URL"])
def test_uvs_own_index_comes_first(user: dict[str, str], tmp_path: Path, name: str) -> None:
    found = settings(user | {name: "https://own"}, tmp_path, user=conf("https://u"))

    assert not {"UV_INDEX", "UV_DEFAULT_INDEX"} & found.keys()


@pytest.mark.parametrize("text", ['[[index]]\nurl = "https://own"\n', '[pip]\nindex-url = "https://own"\n'])
def test_an_index_in_uvs_file_comes_first(user: dict[str, str], tmp_path: Path, text: str) -> None:
    assert "UV_DEFAULT_INDEX" not in settings(user, tmp_path, user=conf("https://u"), uv=text)


def test_wheelhouses_are_the_folders_among_the_links(tmp_path: Path) -> None:
    links = f"{tmp_path}/a,https://host/links,file://{tmp_path}/b"

    assert wheelhouses({"UV_FIND_LINKS": links}) == [tmp_path / "a", tmp_path / "b"]
    assert wheelhouses({}) == []


def test_secrets() -> None:
    environ = {
        "UV_INDEX": "mine=https://user:pa55word@host/simple https://t0ken@host/other",
        "UV_INDEX_MINE_PASSWORD": "another-one",
        "PIP_EXTRA_INDEX_URL": "https://plain/simple",
        "HTTPS_PROXY": "http://me:proxy-pass@proxy:3128",
        "HOME": "https://no:body@x",
    }

    assert secrets_of(environ) == {"pa55word", "t0ken", "another-one", "proxy-pass"}
