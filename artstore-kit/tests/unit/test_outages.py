from artstore_kit.outages import Outage


def test_an_outage_lasts_its_time_from_the_last_failure_on() -> None:
    now = 100.0
    outage = Outage(2, clock=lambda: now)
    seen = [outage.lasts]

    for failure, moment in ((True, 101.9), (True, 103.8), (False, 103.9)):
        if failure:
            outage.noticed()
        now = moment
        seen.append(outage.lasts)

    assert seen == [False, True, True, False]
