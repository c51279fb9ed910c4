"""Each kind of fault is seen in the evidence of a run, and a run without any has none."""

from __future__ import annotations

from dataclasses import replace

from tests.crash.reckoning import Arrival, Count, Evidence, Step, reckon

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
    stood_still=False,
    calls=IDS,
    jobs={"job_1": "succeeded", "job_2": "succeeded"},
    # The first attempt of job_1 was killed before it could commit its second step.
    steps=[
        Step("job_1", "a", 0),
        Step("job_2", "b", 0),
        Step("job_1", "a", 1),
        Step("job_1", "c", 1),
        Step("job_2", "b", 1),
    ],
    committed={"job_1": [0, 1], "job_2": [0, 1]},
    steps_of_job=2,
)


def test_a_sound_run_has_no_faults() -> None:
    assert reckon(SOUND) == Count(acknowledged=4, jobs=2)


def test_repeats_are_counted_and_allowed() -> None:
    came = [CAME[0], *CAME, CAME[3]]
    count = reckon(replace(SOUND, arrivals={"/app": came, "/ordered": CAME}, calls=[*IDS, IDS[0]]))
    assert count == Count(acknowledged=4, repeated=3, jobs=2)


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
    assert count == Count(acknowledged=3, jobs=2)


def test_order_holds_within_a_key_and_counts_repeats_that_come_late() -> None:
    other_keys_between = [CAME[1], CAME[0], CAME[2], CAME[3]]
    assert reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/ordered": other_keys_between})).out_of_order == 0
    swapped = [CAME[2], CAME[1], CAME[0], CAME[3]]
    assert reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/ordered": swapped})).out_of_order == 1
    again_too_late = [*CAME, CAME[0]]
    count = reckon(replace(SOUND, arrivals=SOUND.arrivals | {"/ordered": again_too_late}))
    assert (count.repeated, count.out_of_order) == (1, 1)
    # A worker that stood still goes on with an old try, and with no new one.
    old_try = [CAME[0]._replace(attempt=2), *CAME[1:], CAME[0]]
    for came, stood_still, faults in ((old_try, True, 0), (old_try, False, 1), (again_too_late, True, 1)):
        evidence = replace(SOUND, arrivals=SOUND.arrivals | {"/ordered": came}, stood_still=stood_still)
        assert reckon(evidence).out_of_order == faults
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


def test_a_job_is_run_twice_where_two_attempts_take_turns_or_a_step_is_there_twice() -> None:
    both = [*SOUND.steps, Step("job_1", "a", 1)]
    assert reckon(replace(SOUND, steps=both)).run_twice == 1
    assert reckon(replace(SOUND, committed=SOUND.committed | {"job_2": [0, 1, 1]})).run_twice == 1


def test_a_job_that_was_asked_for_comes_to_its_end_with_all_its_steps() -> None:
    assert reckon(replace(SOUND, jobs=SOUND.jobs | {"job_3": "not there"})).faults
    assert reckon(replace(SOUND, jobs=SOUND.jobs | {"job_1": "failed"})).faults
    assert reckon(replace(SOUND, committed=SOUND.committed | {"job_1": [0]})).faults


def test_counts_add_up() -> None:
    total = Count(1, 2, 3, 4, 5, 6, 7, ["a"]) + Count(10, 20, 30, 40, 50, 60, 70, ["b"])
    assert total == Count(11, 22, 33, 44, 55, 66, 77, ["a", "b"])
    said = "11 kills, 22 acknowledged, 33 lost, 44 repeated, 55 out of order; 77 of 66 jobs run twice"
    assert str(total) == said
