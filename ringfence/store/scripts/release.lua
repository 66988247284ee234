-- Writes a dispute, and puts its number on a list or takes it off, in one step: no number is
-- released without a dispute that says why, and none stays so when the dispute says it is not.
--
-- KEYS  1 the hash of disputes  2 the stream of changes  3 the hash of what was refused
--       4 the history  5 the list
-- ARGV  7 the dispute's id  8 its text as it was  9 its new text  10 operation, for the history
--       11 the list's name  12 "add" or "remove"  13 the number
-- Returns "done", or "moved" where the dispute is not what it was.

local id, was, text, op, name, way, number = unpack(ARGV, 7, 13)
local after = last_change(KEYS[2])
local book = open_history(KEYS[4])
local ranges = open_ranges(KEYS[5])
local kind = redis.call('TYPE', KEYS[5]).ok

if kind ~= 'none' and kind ~= 'set' and kind ~= 'zset' then
  return redis.error_reply('WRONGTYPE the list is a ' .. kind)
end
if redis.call('HGET', KEYS[1], id) ~= was then return 'moved' end

record(book, change_of('dispute', op, id, was, text))
redis.call('HSET', KEYS[1], id, text)
redis.call('HDEL', KEYS[3], 'dispute:' .. id)
after = announce(KEYS[2], after, common, { 'kind', 'dispute', 'op', 'set', 'id', id })

local sorted, changed = kind == 'zset', 0
if way == 'add' and sorted then
  changed = redis.call('ZADD', KEYS[5], 'CH', '+inf', number)
elseif way == 'add' then
  changed = redis.call('SADD', KEYS[5], number)
elseif kind ~= 'none' then
  changed = redis.call(sorted and 'ZREM' or 'SREM', KEYS[5], number)
end
if changed > 0 then
  local size = redis.call(sorted and 'ZCARD' or 'SCARD', KEYS[5])
  announce(KEYS[2], after, common, {
    'kind', 'list', 'op', way, 'name', name, 'size', size, 'expires', '', 'entries', number })
  record(book, list_change_of(book, way, name, changed, size, { entries = number }))
end
close_ranges(ranges, { number }, 1, way == 'add' and 1 or 0)
close_history(book)
return 'done'
