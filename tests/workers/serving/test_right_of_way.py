"""Right of way: a model that loads stops for a batch; a batch that waits for it lets it go on."""

from __future__ import annotations

import threading

from workers.serving.right_of_way import RightOfWay


def goes_on(way: RightOfWay) -> threading.Event:
    """Return what is set once a thread that gives way has gone on."""
    gone_on = threading.Event()

    def give_way() -> None:
        way.give_way()
        gone_on.set()

    threading.Thread(target=give_way, daemon=True).start()
    return gone_on


def test_who_loads_waits_for_the_end_of_a_batch():
    way = RightOfWay()
    with way.taken():
        gone_on = goes_on(way)
        assert not gone_on.wait(0.05)

    assert gone_on.wait(10.0)
    assert goes_on(way).wait(10.0)


def test_a_batch_that_waits_for_a_model_lets_it_load_and_goes_first_again():
    way = RightOfWay()
    with way.taken():
        with way.lent():
            assert goes_on(way).wait(10.0)
        gone_on = goes_on(way)
        assert not gone_on.wait(0.05)

    assert gone_on.wait(10.0)
