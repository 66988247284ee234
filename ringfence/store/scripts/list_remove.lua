-- Removes entries from a number list and announces them, `chunk` entries an announcement.
--
-- KEYS  1 the list  2 the stream of changes  3 the history
-- ARGV  7 chunk  8 the list's name  9 how many entries the history names  10... entries
-- Returns { how many were in it, how many the list has now }.

local FIRST = 10
local chunk, name, named = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local after = last_change(KEYS[2])
local book = open_history(KEYS[3])
local ranges = open_ranges(KEYS[1])
local kind = redis.call('TYPE', KEYS[1]).ok

if kind == 'none' then return { 0, 0 } end
if kind ~= 'set' and kind ~= 'zset' then
  return redis.error_reply('WRONGTYPE the list is a ' .. kind)
end
local sorted = kind == 'zset'

local total = 0
for first = FIRST, #ARGV, chunk do
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

close_ranges(ranges, {}, 1, 0)
local size = redis.call(sorted and 'ZCARD' or 'SCARD', KEYS[1])
if total > 0 then
  local some = table.concat(ARGV, ',', FIRST, math.min(FIRST + named - 1, #ARGV))
  record(book, list_change_of(book, 'remove', name, total, size, { entries = some }))
  close_history(book)
end
return { total, size }
