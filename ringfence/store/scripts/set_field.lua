-- Writes one field of a hash (a rule, a trunk, a callee), announces it and records it; nothing
-- where nothing changes.
--
-- KEYS  1 the hash  2 the stream of changes  3 the hash of what was refused  4 the history
-- ARGV  7 kind  8 id  9 value  10 the id's field in KEYS[3]  11 operation, for the history
--       12 "any", "new" (only where there is none) or "was" (only where the value is ARGV[13])
-- Returns "added", "replaced", "same", "exists" (new) or "moved" (was).

local kind, id, value, refused, op, mode = unpack(ARGV, 7, 12)
local after = last_change(KEYS[2])
local book = open_history(KEYS[4])
local old = redis.call('HGET', KEYS[1], id)

if mode == 'new' and old then return 'exists' end
if mode == 'was' and old ~= ARGV[13] then return 'moved' end
if old == value then return 'same' end

if op == 'set' and not old then op = 'add' end
record(book, change_of(kind, op, id, old, value))
redis.call('HSET', KEYS[1], id, value)
redis.call('HDEL', KEYS[3], refused)
announce(KEYS[2], after, common, { 'kind', kind, 'op', 'set', 'id', id })
close_history(book)
return old and 'replaced' or 'added'
