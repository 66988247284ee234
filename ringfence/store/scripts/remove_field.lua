-- Removes one field of a hash (a rule, a trunk, a callee), announces it and records it; nothing
-- where there is none.
--
-- KEYS  1 the hash  2 the stream of changes  3 the hash of what was refused  4 the history
-- ARGV  7 kind  8 id  9 the id's field in KEYS[3]  10 operation, for the history
--       11 "any" or "was" (only where the value is ARGV[12])
-- Returns "removed", "none" or "moved" (was).

local kind, id, refused, op, mode = unpack(ARGV, 7, 11)
local after = last_change(KEYS[2])
local book = open_history(KEYS[4])
local old = redis.call('HGET', KEYS[1], id)

if mode == 'was' and old ~= ARGV[12] then return 'moved' end
redis.call('HDEL', KEYS[3], refused)
if not old then return 'none' end

record(book, change_of(kind, op, id, old, false))
redis.call('HDEL', KEYS[1], id)
announce(KEYS[2], after, common, { 'kind', kind, 'op', 'remove', 'id', id })
close_history(book)
return 'removed'
