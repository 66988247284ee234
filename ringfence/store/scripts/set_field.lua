-- Writes one field of a hash (a rule, a trunk) and announces it; nothing where nothing changes.
--
-- KEYS  1 the hash  2 the stream of changes  3 the hash of what was refused
-- ARGV  1 who  2 at  3 maxlen  4 kind  5 id  6 value  7 the id's field in KEYS[3]
--       8 "any", "new" (only where there is none) or "was" (only where the value is ARGV[9])
-- Returns "added", "replaced", "same", "exists" (new) or "moved" (was).

local common = { who = ARGV[1], at = ARGV[2], maxlen = ARGV[3] }
local kind, id, value, refused, mode = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local after = last_change(KEYS[2])
local old = redis.call('HGET', KEYS[1], id)

if mode == 'new' and old then return 'exists' end
if mode == 'was' and old ~= ARGV[9] then return 'moved' end
if old == value then return 'same' end

redis.call('HSET', KEYS[1], id, value)
redis.call('HDEL', KEYS[3], refused)
announce(KEYS[2], after, common, { 'kind', kind, 'op', 'set', 'id', id })
return old and 'replaced' or 'added'
