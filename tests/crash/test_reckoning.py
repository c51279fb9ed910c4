"""Each kind of fault is seen in the evidence of a run, and a run without any has none."""

from __future__ import annotations

from dataclasses import replace

from tests.crash.reckoning import Arrival, Count, Evidence, reckon

CAME = [Arrival(f"d-{number}", f"evt_{number}", f"msg_{number}", key=number % 2, number=number) for number in range(4)]
IDS = [one.event_id for one in CAME]
SOUND = Evidence(
    sent=[one.name for one in CAME],
    acknowledged={one.name: one.event_id for one in CAME},
    contradicted=[],
    events={one.name: [one.event_id] for one in CAME},
    unfinished=0,
    dead=0,
    arrivals={"/app": CAME, "/ordered": CAME},
    ordered=frozenset({"/ordered"}),
    calls=IDS,
)


def test_a_sound_run_has_no_faults() -> None:
    assert reckon(SOUND) == Count(acknowledged=4)


def test_repeats_are_counted_and_allowed() -> None:
    came = [CAME[0], *CAME, CAME[3]]
    count = reckon(replace(SOUND, arrivals={"/app": came, "/ordered": CAME}, calls=[*IDS, IDS[0]]))
    assert count == Count(acknowledged=4, repeated=3)


def test_what_was_acknowledged_and_is_not_in_the_journal_is_lost() -> None:
    events = {name: ids for name, ids in SOUND.events.items() if name != "d-2"}
    assert reckon(replace(SOUND, events=events)).lost == 1
    # Under another id than the sender was told, it is lost to the sender too.
    assert reckon(replace(SOUND, events=SOUND.events | {"d-2": ["evt_9"]})).lost == 1


def test_what_did_not_reach_a_destination_or_the_handler_is_lost() -> None:
    for where in ("/app", "/ordered"):
        assert reckon(replace(SOUND, arrivals=SOUND.arrivals | {where: CAME[1:]})).lost == 1
    assert reckon(replace(SOUND, calls=IDS[:3])).lost == 1


def test_what_was_not_acknowledged_may_be_missing() -> None:
    acknowledged = {name: id_ for name, id_ in SOUND.acknowledged.items() if name != "d-3"}
    count = reckon(
        replace(
            SOUND,
            acknowledged=acknowledged,
            events={name: [id_] for name, id_ in acknowledged.items()},
            arrivals={"/app": CAME[:3], "/ordered": CAME[:3]},
            calls=IDS[:3],
        )
    )
    assert count == Count(acknowledged=3)


def test_order_holds_within_a_key_and_counts_repeats_that_come_late() -> None:
    other_keys_between = [CAME[1], CAME[0], CAME[2], CAME[3]]
    assert reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/ordered": other_keys_between})).out_of_order == 0
    swapped = [CAME[2], CAME[1], CAME[0], CAME[3]]
    assert reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/ordered": swapped})).out_of_order == 1
    again_too_late = [*CAME, CAME[0]]
    count = reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/ordered": again_too_late}))
    assert (count.repeated, count.out_of_order) == (1, 1)
    # Where nobody asked for order there is none.
    assert reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/app": swapped})).out_of_order == 0


def test_what_should_not_be_there_is_a_fault() -> None:
    assert reckon(replace(SOUND, events=SOUND.events | {"d-2": ["evt_2", "evt_7"]})).faults
    assert reckon(replace(SOUND, events=SOUND.events | {"d-8": ["evt_8"]})).faults
    assert reckon(replace(SOUND, contradicted=["d-1"])).faults
    assert reckon(replace(SOUND, unfinished=1)).faults
    assert reckon(replace(SOUND, dead=1)).faults
    renamed = [*CAME, CAME[3]._replace(webhook_id="msg_9")]
    assert reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/app": renamed})).faults


def test_counts_add_up() -> None:
    total = Count(1, 2, 3, 4, 5, 6, ["a"]) + Count(10, 20, 30, 40, 50, 60, ["b"])
    assert total == Count(11, 22, 33, 44, 55, 66, ["a", "b"])
    said = "11 kills, 22 acknowledged, 33 lost, 44 repeated, 55 out of order, 66 jobs run twice"
    assert str(total) == said
