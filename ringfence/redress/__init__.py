"""Callers who say that they were blocked in error: each has an answer due, and may be let through.

model      a dispute with its clock and its steps: strict, pure
clock      what is due at a moment, and how long there still is: pure
blocking   by which rules a number had been blocked, from call records: pure
register   keeps disputes, lifts the blocking of a number and takes that back
reminders  says in the log what is due, once however many workers look

47 CFR 64.1200(k)(8). What a lift does to a call is in `rules.choice`: the number is on the list
`redress`, and rules but those on a duty, or on the called customer's wish, leave it alone.
"""
