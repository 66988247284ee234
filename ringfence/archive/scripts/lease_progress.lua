-- Notes how far the archive is on the disk, drops old entries before that, and renews the lease.
--
-- KEYS  1 the hash of the archive  2 the stream of call records
-- ARGV  1 holder  2 fence  3 milliseconds of the lease
--       4 the last entry that is archived, '' where that is as it was
--       5 entries before this one may go, '' for none
--       6 how many records were new  7 what is wrong
-- Returns 1, or 0 where the lease is somebody else's by now: then nothing is done.

local found = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[3])),
           'problem', ARGV[7])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'position', ARGV[4], 'at', string.format('%.0f', now))
end
if tonumber(ARGV[6]) > 0 then redis.call('HINCRBY', KEYS[1], 'records', ARGV[6]) end
-- A server before 6.2 has no MINID: there the bound of the stream alone trims.
if ARGV[5] ~= '' then redis.pcall('XTRIM', KEYS[2], 'MINID', '~', ARGV[5]) end
return 1
