import pytest

from elmo_xlstm.training.schedules import ConstantSchedule, LinearSchedule, ReduceOnPlateau


def test_constant() -> None:
    schedule = ConstantSchedule.Config().build(10)
    assert [schedule.factor(step) for step in (0, 9)] == [1.0, 1.0]


def test_linear_rises_to_one_and_falls_to_zero() -> None:
    schedule = LinearSchedule.Config(warmup=0.2).build(20)
    factors = [schedule.factor(step) for step in range(21)]
    assert factors[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert factors[12] == pytest.approx(0.5) and factors[20] == 0.0
    assert all(a > b for a, b in zip(factors[4:], factors[5:], strict=False))
    assert LinearSchedule.Config(warmup=0.0).build(4).factor(0) == 1.0


def test_plateau_cuts_after_patience_and_survives_a_checkpoint() -> None:
    schedule = ReduceOnPlateau.Config(factor=0.5, patience=1).build(100)
    seen = []
    for improved in (True, False, False, False, True, False, False):
        schedule.end_epoch(improved)
        again = ReduceOnPlateau.Config(factor=0.5, patience=1).build(100)
        again.restore(schedule.state())
        schedule = again
        seen.append(schedule.factor(0))
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25]
