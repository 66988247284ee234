"""`python -m benchmarks.soak`: calls with known verdicts while everything goes wrong around them.

`traffic` places the calls, in a process of its own, and `relay` is the line to ARI that can be
cut. `changes` adds and removes rules and lists by every way there is and keeps a ledger of them;
`mischief` kills, stops and cuts, and keeps the times in which that excuses a call; `watch` looks
at memory and logs. `judge` holds each call and each record against what was due. `run` is one run,
`report` its table.
"""
