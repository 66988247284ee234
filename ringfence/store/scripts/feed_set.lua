-- Sets up a feed or takes it away, announces and records it; nothing where nothing changes.
--
-- KEYS  1 the hash of feeds  2 the stream of changes  3 the history
-- ARGV  7 the feed's name  8 its JSON, "" to take it away
-- Returns "added", "replaced", "removed", "same" or "none".

local name, value = ARGV[7], ARGV[8]
local after = last_change(KEYS[2])
local book = open_history(KEYS[3])
local old = redis.call('HGET', KEYS[1], name)

if value == '' and not old then return 'none' end
if value == old then return 'same' end

local op = value == '' and 'remove' or old and 'set' or 'add'
record(book, change_of('feed', op, name, old, value ~= '' and value))
if value == '' then
  redis.call('HDEL', KEYS[1], name)
else
  redis.call('HSET', KEYS[1], name, value)
end
announce(KEYS[2], after, common, { 'kind', 'feed', 'op', op, 'id', name })
close_history(book)
return value == '' and 'removed' or old and 'replaced' or 'added'
