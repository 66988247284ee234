"""What each value of a rule's field means, a module for each kind of value. Pure, no I/O.

`condition` has the words that the others share. `number` reads the values of caller and called,
`word` those among them that are words; `text` what is compared letter by letter, `pattern` regular
expressions that cannot stall a call; `origin` address and attestation; `schedule` hours of a week.
"""
