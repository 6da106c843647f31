from pathlib import Path

import numpy as np
import pytest

from trainer import sample_data
from trainer.data import CsvData, LocalFiles
from trainer.trips import EWR, JFK, kilometres, meter, route


def columns(path: Path) -> np.ndarray:
    return np.concatenate(list(CsvData(str(path), LocalFiles(), print).blocks()))


def meter_one(km: float, minutes: float, year: float, start: int = 0, end: int = 0) -> float:
    return float(meter(np.array([km]), np.array([minutes]), np.array([year]), np.array([start]), np.array([end]))[0])


def test_the_files_have_the_labs_shape_and_format(tmp_path: Path) -> None:
    assert sample_data.main(["--rows", "1000", "--seed", "3", str(tmp_path / "new" / "folder")]) == 0
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["taxi-train.csv", "taxi-valid.csv"]
    train = (folder / "taxi-train.csv").read_text().splitlines()
    assert len(train) == 1000
    assert len((folder / "taxi-valid.csv").read_text().splitlines()) == 200
    for position, line in enumerate(train):
        fare, *ends, passengers, key = line.split(",")
        assert all("." in number for number in (fare, *ends))
        assert passengers in "123456"
        assert int(key) == position


def test_trips_are_plausible(tmp_path: Path) -> None:
    sample_data.write(tmp_path, 20_000, 1)
    fare, lon1, lat1, lon2, lat2, _ = columns(tmp_path / "taxi-train.csv").T
    missing = lon1 == 0
    assert 0.0005 < missing.mean() < 0.005
    assert (lat2[missing] == 0).all()
    for lon, lat in ((lon1, lat1), (lon2, lat2)):
        assert (np.abs(lon[~missing] + 74) < 0.4).all()
        assert (np.abs(lat[~missing] - 40.75) < 0.4).all()
    assert fare.min() == 2.5
    assert 6 < np.median(fare) < 12
    assert 8 < fare.mean() < 15
    along1, across1 = kilometres(lon1, lat1)
    along2, across2 = kilometres(lon2, lat2)
    length = np.abs(along1 - along2) + np.abs(across1 - across2)
    assert np.corrcoef(length[~missing], fare[~missing])[0, 1] > 0.8


def test_the_meter_follows_the_published_tariff() -> None:
    mile = 1.609344
    assert meter_one(0.1, 0, 2010) == 2.5
    assert meter_one(2.001 * mile, 0, 2010) == pytest.approx(2.5 + 9 * 0.4)
    assert meter_one(2.001 * mile, 5, 2014) == pytest.approx(2.5 + 14 * 0.5)
    assert [meter_one(30, 20, year, JFK, 0) for year in (2010, 2014)] == [45, 52]
    assert meter_one(30, 20, 2014, JFK, 6) != 52  # Brooklyn is on the meter
    assert meter_one(30, 0, 2014, 0, EWR) == meter_one(30, 0, 2014) + 17.5


def test_rivers_are_crossed_by_bridges_and_tunnels() -> None:
    """Williamsburg, Brooklyn, to the East Village: over the bridge, which is longer than the straight line."""
    (along1, across1), (along2, across2) = kilometres(-73.957, 40.717), kilometres(-73.980, 40.727)
    ends = [np.array([float(value)]) for value in (along1, across1, along2, across2)]
    km, tolls = route(np.array([6]), np.array([1]), *ends)
    assert 1.15 * np.hypot(along1 - along2, across1 - across2) < km[0] < 6
    assert tolls[0] == 0
    assert route(np.array([EWR]), np.array([0]), *ends)[1][0] == 1


def test_the_same_seed_gives_the_same_files_and_another_gives_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        sample_data.write(tmp_path / name, 500, seed)
    a, b, c = ((tmp_path / name / "taxi-train.csv").read_bytes() for name in "abc")
    assert a == b != c
    assert (tmp_path / "a" / "taxi-valid.csv").read_bytes()[:200] != a[:200]


def test_existing_files_are_kept_without_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taxi-valid.csv").write_text("mine")
    assert sample_data.main(["--rows", "10", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "taxi-valid.csv exists" in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taxi-valid.csv"]
    assert sample_data.main(["--rows", "10", "--overwrite", str(tmp_path)]) == 0
    assert (tmp_path / "taxi-valid.csv").read_text() != "mine"


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert sample_data.main([str(tmp_path / "file")]) == 1
    assert sample_data.main([str(tmp_path / "file" / "below")]) == 1
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize("flags", [["--rows", "0"], ["--rows", "ten"], ["--seed", "-1"], []])
def test_illegal_flags_are_reported_in_one_line(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        sample_data.main([*flags, str(tmp_path)] if flags else [])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
