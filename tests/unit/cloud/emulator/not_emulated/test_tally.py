from cloud.emulator.not_emulated.tally import MOST_KINDS, NotEmulated, Tally


def test_each_kind_is_counted_apart():
    tally = Tally()
    for host, method in (("a", ""), ("a", "x.y"), ("a", "")):
        last = tally.add(host, method)
    assert last == NotEmulated("a", "", 2)
    assert tally.all == [NotEmulated("a", "", 2), NotEmulated("a", "x.y", 1)]


def test_kinds_without_end_take_no_memory_without_end():
    tally = Tally()
    for number in range(3 * MOST_KINDS):
        tally.add(f"{number}.googleapis.com", "")
    assert len(tally.all) == MOST_KINDS + 1
    assert tally.all[-1].count == 2 * MOST_KINDS
