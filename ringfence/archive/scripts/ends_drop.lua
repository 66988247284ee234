-- Drops ends of calls that are on the disk from the stream, while the lease is the holder's.
--
-- KEYS  1 the hash of the archive  2 the stream of ends
-- ARGV  1 holder  2 fence  3 when the newest of them ended, in milliseconds  4... their entries
-- Returns 1, or 0 where the lease is somebody else's by now: then nothing is done.

local found = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end
for n = 4, #ARGV do redis.call('XDEL', KEYS[2], ARGV[n]) end
local newest = tonumber(redis.call('HGET', KEYS[1], 'ended')) or 0
if tonumber(ARGV[3]) > newest then redis.call('HSET', KEYS[1], 'ended', ARGV[3]) end
return 1
