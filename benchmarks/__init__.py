"""What screening costs, measured beside what it is compared with, in one run.

__main__, run   `python -m benchmarks`: every way in turn, the table, the JSON, the page
paths           the measured ways from INVITE to final response, as dialplan
ruleset         the rules and listed numbers that are measured with
stage           Asterisk, doors and load generator, up for one run
children        their processes: start, readiness, stop
rounds          interleaved rounds and the statistics over them
load            the load generator, a process of its own
empty_agi       an AGI server that does nothing, and its variants
empty_ari       an ARI application that does nothing
decision        the screener alone, without a network
changes         stalls of the event loop, latency and memory while rules and lists change
dialplan_steps  what single steps of a dialplan cost
report          terminal tables, results/<date>.json, docs/benchmarks.md
"""
