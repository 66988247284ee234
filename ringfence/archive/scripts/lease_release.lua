-- Gives the lease back, so that another worker need not wait for its end.
--
-- KEYS  1 the hash of the archive
-- ARGV  1 holder  2 fence
-- Returns 1, or 0 where it was somebody else's already.

local found = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'holder', '', 'until', '0')
return 1
