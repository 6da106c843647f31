"""The check of the dry run."""

from pathlib import Path

from cloud.lab.checks import CHECKS, Lab

REQUEST = "curl -X POST 'https://us-central1-aiplatform.googleapis.com/v1/x' -d '{}'\n"


def test_a_dry_run_in_a_file(tmp_path: Path) -> None:
    lab = Lab({}, tmp_path)
    assert "no dry run" in CHECKS["google"](lab).english
    (tmp_path / "names.txt").write_text("curl https://example.com\n")
    (tmp_path / "folder.txt").mkdir()
    assert "no dry run" in CHECKS["google"](lab).english
    (tmp_path / "requests.txt").write_text("What bills:\n" + REQUEST)
    assert "ended early" in CHECKS["google"](lab).english
    (tmp_path / "requests.txt").write_text("What bills:\n" + REQUEST * 30)
    assert CHECKS["google"](lab).is_done
    assert "30 solicitudes" in CHECKS["google"](lab).spanish
