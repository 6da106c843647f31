from cloud.emulator.oauth2.key_store import KeyStore

ME = "me@example.com"


def test_a_key_is_made_once_and_kept(tmp_path):
    store = KeyStore(tmp_path / "keys")
    assert store.find(ME) is None
    key = store.own(ME)
    assert store.own(ME) is store.find(ME) is key
    again = KeyStore(tmp_path / "keys").find(ME)
    assert (again.id, again.pem, again.sign(b"x")) == (key.id, key.pem, key.sign(b"x"))
    assert KeyStore().find(ME) is None
    [file] = (tmp_path / "keys").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "PRIVATE" not in repr(key)


def test_a_deleted_accounts_is_gone_for_good(tmp_path):
    store = KeyStore(tmp_path)
    key = store.own(ME)
    store.forget(ME)
    assert store.find(ME) is KeyStore(tmp_path).find(ME) is None
    assert store.own(ME).id != key.id
    KeyStore().forget(ME)


def test_a_damaged_one_is_made_anew(tmp_path):
    KeyStore(tmp_path).own(ME)
    [file] = tmp_path.iterdir()
    file.write_text("-----BEGIN PRIVATE KEY-----")
    store = KeyStore(tmp_path)
    assert store.find(ME) is None
    assert store.own(ME).pem == file.read_text()
