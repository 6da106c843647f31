from pathlib import Path

import pytest

from cloud.engine.runtimes.generated_protobufs import need_pure_python

OLD = "DESCRIPTOR = _descriptor.FileDescriptor(\n  name='a.proto')\n"
NEW = "DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(b'')\n"


def install(folder: Path, name: str, version: str, **modules: str) -> Path:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{module}.py,,\n" for module in (*modules, "gone_pb2")))
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    return folder


@pytest.mark.parametrize(("protobuf", "found"), [("3.20.3", []), ("4.25.8", ["old 1.3"]), ("6.33.0", ["old 1.3"])])
def test_what_was_generated_before_3_19(tmp_path: Path, protobuf: str, found: list[str]) -> None:
    packages = install(tmp_path / "layer", "old", "1.3", a_pb2=OLD, b_pb2=NEW)
    install(packages, "new", "2.0", c_pb2=NEW)
    install(packages, "other", "2.0", text=OLD)
    site = install(tmp_path / "site", "protobuf", protobuf)
    install(site, "of_the_runtime", "1.0", d_pb2=OLD)
    assert need_pure_python([packages], [packages, site]) == found


def test_without_protobuf(tmp_path: Path) -> None:
    packages = install(tmp_path, "old", "1.3", a_pb2=OLD)
    assert need_pure_python([packages], [packages]) == []
