"""Losses are told once a minute."""

from structlog import get_logger
from structlog.testing import capture_logs

from ringfence.calllog.losses import LossLog


def test_losses_are_told_at_once_and_then_as_a_sum_once_a_minute():
    now = 0.0
    losses = LossLog(get_logger(), lambda: now)
    with capture_logs() as told:
        for second in range(150):
            now = float(second)
            losses.count("the spool is full")
    assert [line["records"] for line in told] == [1, 60, 60]
    assert losses.total == 150


def test_what_is_left_to_tell_is_told_later_without_another_loss():
    now = 0.0
    losses = LossLog(get_logger(), lambda: now)
    with capture_logs() as told:
        losses.count("full")
        losses.count("full", 3)
        losses.tell()
        now = 61.0
        losses.tell()
        losses.tell()
    assert [line["records"] for line in told] == [1, 3]
