-- Says what count.lua would say of a call, and counts nothing.
--
-- KEYS  one for each counter
-- ARGV  1 now in Unix seconds
--       then for each counter: member, "" for a rate; seconds; how many need be known at most
-- Returns for each counter how many there would be with this call; 1 where the key is of another
-- type.

local now = tonumber(ARGV[1])
local counts = {}

for i, key in ipairs(KEYS) do
  local member, over, most = ARGV[3 * i - 1], tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local count = 0
  local newest = redis.pcall('ZRANGE', key, -1, -1, 'WITHSCORES')
  local last = not newest.err and tonumber(newest[2])
  if last and last <= now + over then
    local since = math.max(now, last) - over
    count = redis.call('ZCOUNT', key, string.format('(%.17g', since), '+inf')
    local seen = member ~= '' and redis.call('ZSCORE', key, member)
    if seen and tonumber(seen) > since then count = count - 1 end
  end
  counts[i] = math.min(count + 1, most)
end
return counts
