import json
import sqlite3
from configparser import ConfigParser
from contextlib import closing

from cloud.server.gcloud_folder import write_gcloud_folder

KEY = {"type": "service_account", "client_email": "owner@p.example.com", "private_key": "secret"}


def test_it_holds_what_config_set_can_change_and_the_accounts_key(tmp_path):
    folder = tmp_path / "gcloud"
    folder.mkdir()
    (folder / "access_tokens.db").write_text("of an earlier cloud")
    write_gcloud_folder(folder, KEY, project="my-project", region="europe-west1")
    assert (folder / "active_config").read_text() == "default"
    parsed = ConfigParser()
    parsed.read_string((folder / "configurations" / "config_default").read_text())
    assert {name: dict(parsed[name]) for name in parsed.sections()} == {
        "core": {"account": "owner@p.example.com", "project": "my-project"},
        "compute": {"region": "europe-west1"},
    }
    with closing(sqlite3.connect(folder / "credentials.db")) as database:
        [(account, value)] = database.execute("SELECT account_id, value FROM credentials")
    assert (account, json.loads(value)) == ("owner@p.example.com", KEY)
    assert sorted(path.name for path in folder.iterdir()) == ["active_config", "configurations", "credentials.db"]


def test_nobody_else_reads_it(tmp_path):
    write_gcloud_folder(tmp_path / "gcloud", KEY, project="my-project", region="europe-west1")
    for path in (tmp_path / "gcloud").rglob("*"):
        assert path.is_dir() or path.stat().st_mode & 0o077 == 0
