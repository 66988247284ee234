"""Watch Ringfence screen real SIP calls on a real Asterisk: `make demo`, `make up`.

`stage` has Asterisk, Ringfence and Valkey as real processes, `ringfence` the second of them as an
admin sees it; `scenes` are the calls with what ought to come of each, `play` places them, `table`
shows what came.
"""
