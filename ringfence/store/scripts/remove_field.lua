-- Removes one field of a hash (a rule, a trunk) and announces it; nothing where there is none.
--
-- KEYS  1 the hash  2 the stream of changes  3 the hash of what was refused
-- ARGV  1 who  2 at  3 maxlen  4 kind  5 id  6 the id's field in KEYS[3]
-- Returns 1, or 0 where there was none.

local common = { who = ARGV[1], at = ARGV[2], maxlen = ARGV[3] }
local after = last_change(KEYS[2])
redis.call('HDEL', KEYS[3], ARGV[6])
if redis.call('HDEL', KEYS[1], ARGV[5]) == 0 then return 0 end
announce(KEYS[2], after, common, { 'kind', ARGV[4], 'op', 'remove', 'id', ARGV[5] })
return 1
