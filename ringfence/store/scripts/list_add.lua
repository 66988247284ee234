-- Adds entries to a number list and announces them, `chunk` entries an announcement.
-- A list is a set until an entry runs out one day; then it becomes a sorted set of expiries.
--
-- KEYS  1 the list  2 the stream of changes  3 the history
-- ARGV  7 chunk  8 the list's name  9 how many entries the history names
--       10 expiry in Unix seconds, "" for never  11 now in Unix seconds
--       12 the largest set that is converted  13... entries
-- Returns { how many are new or have a new expiry, how many the list has now }.

local FIRST = 13
local chunk, name, named = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local expires, now = ARGV[10], ARGV[11]
local after = last_change(KEYS[2])
local book = open_history(KEYS[3])
local ranges = open_ranges(KEYS[1])
local kind = redis.call('TYPE', KEYS[1]).ok

if kind ~= 'none' and kind ~= 'set' and kind ~= 'zset' then
  return redis.error_reply('WRONGTYPE the list is a ' .. kind)
end
if kind == 'set' and expires ~= '' then
  -- One command converts at a million entries a second, and nobody is served meanwhile.
  if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[12]) then
    return redis.error_reply('TOOLARGE')
  end
  local ttl = redis.call('PTTL', KEYS[1])
  redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', '+inf')
  if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
  kind = 'zset'
end
local sorted = kind == 'zset' or expires ~= ''
if sorted then drop_expired(KEYS[1], now) end

local total = 0
for first = FIRST, #ARGV, chunk do
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

close_ranges(ranges, ARGV, FIRST, #ARGV)
local size = redis.call(sorted and 'ZCARD' or 'SCARD', KEYS[1])
if total > 0 then
  local some = table.concat(ARGV, ',', FIRST, math.min(FIRST + named - 1, #ARGV))
  record(book, list_change_of(book, 'add', name, total, size, { expires = expires, entries = some }))
  close_history(book)
end
return { total, size }
