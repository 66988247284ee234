"""What people screen calls with today, each set up as its own documentation advises.

beside    all of it for one lab, before its Asterisk starts
astdb     `DB_EXISTS()` on Asterisk's own database
script    a forked AGI script with SQLite; `screen.py` is the script
service   an HTTP service for `CURL()`
database  MariaDB for `func_odbc`
"""
