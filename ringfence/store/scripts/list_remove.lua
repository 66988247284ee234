-- Removes entries from a number list and announces them, `chunk` entries an announcement.
--
-- KEYS  1 the list  2 the stream of changes
-- ARGV  1 who  2 at  3 maxlen  4 chunk  5 the list's name  6... entries
-- Returns { how many were in it, how many the list has now }.

local common = { who = ARGV[1], at = ARGV[2], maxlen = ARGV[3] }
local chunk, name = tonumber(ARGV[4]), ARGV[5]
local after = last_change(KEYS[2])
local kind = redis.call('TYPE', KEYS[1]).ok

if kind == 'none' then return { 0, 0 } end
if kind ~= 'set' and kind ~= 'zset' then
  return redis.error_reply('WRONGTYPE the list is a ' .. kind)
end
local sorted = kind == 'zset'

local total = 0
for first = 6, #ARGV, chunk do
  local last = math.min(first + chunk - 1, #ARGV)
  local gone = redis.call(sorted and 'ZREM' or 'SREM', KEYS[1], unpack(ARGV, first, last))
  if gone > 0 then
    local size = redis.call(sorted and 'ZCARD' or 'SCARD', KEYS[1])
    after = announce(KEYS[2], after, common, {
      'kind', 'list', 'op', 'remove', 'name', name, 'size', size,
      'entries', table.concat(ARGV, ',', first, last) })
    total = total + gone
  end
end
return { total, redis.call(sorted and 'ZCARD' or 'SCARD', KEYS[1]) }
