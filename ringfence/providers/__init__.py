"""Who the calls come from, what is open against them, and what is done about it in time.

model        a provider of the register: strict, pure
register     which trunk is whose
holidays, deadlines   the calendar and the clock of the rules: pure, the time comes in
notice       a notice with its traffic, its deadline and its steps: strict, pure
blocking     the rules that block a provider for a notice: pure
progress     what a notice calls for at a moment: reminders, alarms, blocks, lifting: pure
looking      what a worker reads to keep deadlines
enforcement  does that, exactly once however many workers look
hang_up      ends calls in progress through Asterisk's manager interface
traffic      which call records are a provider's, and which are the traffic of a notice
commission   the notice and summary to the Commission, as text

Nothing here is on a call's way: a call meets rules and trunks, and those are all that is written.
"""
