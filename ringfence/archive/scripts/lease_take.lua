-- Takes the lease on the archive, or renews it: one worker of all writes.
--
-- Each taking has a higher number, the fence. Whoever was stopped while it held the lease and goes
-- on later is told by its lower one, here and in the files.
--
-- KEYS  1 the hash of the archive
-- ARGV  1 holder  2 milliseconds  3 the highest fence in the holder's files
-- Returns the fence where the holder has the lease, else 0.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local found = redis.call('HMGET', KEYS[1], 'holder', 'until', 'fence')
local holder, ends = found[1], tonumber(found[2]) or 0
local fence = tonumber(found[3]) or 0
local length = tonumber(ARGV[2])

-- An end that is further away than any lease is long was written before the clock was set back.
local running = ends > now and ends <= now + length
if running and holder and holder ~= '' and holder ~= ARGV[1] then return 0 end
if not (running and holder == ARGV[1] and fence >= tonumber(ARGV[3])) then
  fence = math.max(fence, tonumber(ARGV[3])) + 1
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', string.format('%.0f', now + length),
           'fence', string.format('%.0f', fence))
return fence
