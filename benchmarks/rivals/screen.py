#!/usr/bin/python3
"""Owns the AGI script that Asterisk forks for each call, as people write it; nothing else."""

import sqlite3
import sys

facts = {}
for line in sys.stdin:
    name, _, value = line.strip().partition(": ")
    if not name:
        break
    facts[name] = value

database = sqlite3.connect(__file__.replace("screen.py", "blocked.sqlite3"))
found = database.execute(
    "SELECT 1 FROM blocked WHERE number = ?", (facts.get("agi_callerid", ""),)
).fetchone()
print(f"SET VARIABLE SPAM {1 if found else 0}", flush=True)
sys.stdin.readline()
