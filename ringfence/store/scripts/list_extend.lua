-- Puts entries on a number list for a time, or for longer than they are there already: never for
-- a shorter time, and never one for a time that is there for good. What is changed is announced.
--
-- KEYS  1 the list  2 the stream of changes
-- ARGV  7 the list's name  8 now in Unix seconds  9 the largest set that is converted
--       10... expiry in Unix seconds, entry, in pairs by expiry; at most as many as one
--       announcement takes
-- Returns how many are new or stay longer.

local name, now = ARGV[7], ARGV[8]
local after = last_change(KEYS[2])
local kind = redis.call('TYPE', KEYS[1]).ok

if kind ~= 'none' and kind ~= 'set' and kind ~= 'zset' then
  return redis.error_reply('WRONGTYPE the list is a ' .. kind)
end

local function is_there_for_good(entry)
  return kind == 'set' and redis.call('SISMEMBER', KEYS[1], entry) == 1
end

local wanted = {}
for i = 10, #ARGV, 2 do
  if not is_there_for_good(ARGV[i + 1]) then
    wanted[#wanted + 1] = { expires = ARGV[i], entry = ARGV[i + 1] }
  end
end
if #wanted == 0 then return 0 end
local ranges = open_ranges(KEYS[1])

if kind == 'set' then
  if redis.call('SCARD', KEYS[1]) > tonumber(ARGV[9]) then
    return redis.error_reply('TOOLARGE')
  end
  local ttl = redis.call('PTTL', KEYS[1])
  redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', '+inf')
  if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
end
drop_expired(KEYS[1], now)

local total, changed, expires = 0, {}, nil
local function tell()
  if #changed == 0 then return end
  after = announce(KEYS[2], after, common, {
    'kind', 'list', 'op', 'add', 'name', name, 'size', redis.call('ZCARD', KEYS[1]),
    'expires', expires, 'entries', table.concat(changed, ',') })
  total, changed = total + #changed, {}
end
for _, each in ipairs(wanted) do
  if each.expires ~= expires then
    tell()
    expires = each.expires
  end
  if redis.call('ZADD', KEYS[1], 'GT', 'CH', expires, each.entry) == 1 then
    changed[#changed + 1] = each.entry
  end
end
tell()
-- callers are numbers: no range has come in
close_ranges(ranges, {}, 1, 0)
return total
