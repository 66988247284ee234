"""The archive in PostgreSQL, for those who want one for several hosts: an extra.

`place` is what the settings lead to. `connecting` owns the connection: every wait on it is bounded,
every failure becomes one line. `tables` has the tables, a partition for each day. `columns` says
what of a record is a column, and `questions` how they are asked. `writing`, `reading`
and `ends` do what the day files' modules of that name do. psycopg is imported in here alone.
"""
