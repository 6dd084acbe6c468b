"""The figures of a run's page, a file each: functions from rows to figures of the frame."""
