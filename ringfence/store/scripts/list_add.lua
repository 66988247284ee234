-- Adds entries to a number list and announces them, `chunk` entries an announcement.
-- A list is a set until an entry runs out one day; then it becomes a sorted set of expiries.
--
-- KEYS  1 the list  2 the stream of changes
-- ARGV  1 who  2 at  3 maxlen  4 chunk  5 the list's name  6 expiry in Unix seconds, "" for never
--       7 now in Unix seconds  8 the largest set that is converted  9... entries
-- Returns { how many are new or have a new expiry, how many the list has now }.

local common = { who = ARGV[1], at = ARGV[2], maxlen = ARGV[3] }
local chunk, name, expires, now = tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7]
local after = last_change(KEYS[2])
local kind = redis.call('TYPE', KEYS[1]).ok

if kind ~= 'none' and kind ~= 'set' and kind ~= 'zset' then
  return redis.error_reply('WRONGTYPE the list is a ' .. kind)
end
if kind == 'set' and expires ~= '' then
  -- One command converts at a million entries a second, and nobody is served meanwhile.
  if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[8]) then
    return redis.error_reply('TOOLARGE')
  end
  local ttl = redis.call('PTTL', KEYS[1])
  redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', '+inf')
  if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
  kind = 'zset'
end
local sorted = kind == 'zset' or expires ~= ''
if sorted then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) end

local total = 0
for first = 9, #ARGV, chunk do
  local last = math.min(first + chunk - 1, #ARGV)
  local added
  if sorted then
    local score, pairs = expires ~= '' and expires or '+inf', {}
    for i = first, last do
      pairs[#pairs + 1] = score
      pairs[#pairs + 1] = ARGV[i]
    end
    added = redis.call('ZADD', KEYS[1], 'CH', unpack(pairs))
  else
    added = redis.call('SADD', KEYS[1], unpack(ARGV, first, last))
  end
  if added > 0 then
    local size = redis.call(sorted and 'ZCARD' or 'SCARD', KEYS[1])
    after = announce(KEYS[2], after, common, {
      'kind', 'list', 'op', 'add', 'name', name, 'size', size,
      'expires', expires, 'entries', table.concat(ARGV, ',', first, last) })
    total = total + added
  end
end
return { total, redis.call(sorted and 'ZCARD' or 'SCARD', KEYS[1]) }
