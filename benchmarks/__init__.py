"""What screening costs, measured beside what it is compared with, in one run.

__main__, run   `python -m benchmarks`: every way in turn, the table, the JSON, the page
paths           the measured ways from INVITE to final response, as dialplan
rivals          what people screen with today: astdb, func_odbc, CURL(), a forked script
ruleset         the rules and listed numbers that are measured with
stage           Asterisk, doors and load generator, up for one run
children        their processes: start, readiness, stop
cpu             the processor time that they take
rounds          interleaved rounds and the statistics over them
climb           the highest rate that each way carries
load            the load generator, a process of its own
empty_agi       an AGI server that does nothing, and its variants
empty_ari       an ARI application that does nothing
decision        the screener alone, without a network
verify          the same for one verification of a signed call, and the signatures of such calls
living          how soon rules and lists are in force, at a start and after a change
changes         stalls of the event loop, latency and memory while rules and lists change
hand            the process that writes for these two
dialplan_steps  what single steps of a dialplan cost
profile         where a call's time goes, worked out of the ways
results         one run's results, kept as results/<date>.json
tables, report  the same as rows, and on the terminal
page, plots     docs/benchmarks.md and its pictures
"""
