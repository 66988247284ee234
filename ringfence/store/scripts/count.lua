-- Counts one call under each of its counters, in windows that slide with it.
-- A counter is a sorted set: what is counted -> when. Its own time never runs back: where another
-- worker's clock is ahead of ours, we count at that clock's time; where it is ahead by more than
-- the window, a clock was set back, and the counter begins anew.
--
-- KEYS  one for each counter
-- ARGV  1 now in Unix seconds  2 a name for this call, as no other has
--       then for each counter: member, "" for a rate; seconds; how many need be known at most
-- Returns for each counter how many there are, this call included; -1 where the key is of another
-- type.

local now, call = tonumber(ARGV[1]), ARGV[2]
local counts = {}

for i, key in ipairs(KEYS) do
  local member, over, most = ARGV[3 * i], tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  local newest = redis.pcall('ZRANGE', key, -1, -1, 'WITHSCORES')
  if newest.err then
    counts[i] = -1
  else
    local at, last = now, tonumber(newest[2])
    if last and (last > now + over or last <= now - over) then
      redis.call('UNLINK', key)
    elseif last then
      at = math.max(now, last)
      redis.call('ZREMRANGEBYSCORE', key, '-inf', at - over)
    end
    redis.call('ZADD', key, at, member == '' and call or member)
    local count = redis.call('ZCARD', key)
    if count > most then
      redis.call('ZREMRANGEBYRANK', key, 0, count - most - 1)
      count = most
    end
    redis.call('EXPIRE', key, over)
    counts[i] = count
  end
end
return counts
