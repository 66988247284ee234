-- Keeps what came of a feed, in one step: its state, what it needs again next time, and its table.
-- What it brings into lists has been written, announced and recorded by then; nothing of this is
-- held in a mirror.
--
-- KEYS  1 the hash of states  2 the hash of what the feed keeps  3 the table  4 the staged table
-- ARGV  7 the feed's name  8 its state as JSON, "" to forget it and all that it keeps
--       9 "swap" (the staged table takes the table's place), "drop" (it goes) or ""
--       10 "was" (only where the state is ARGV[11], "" for none) or "any"
--       12 how many fields are put into KEYS[2]; field, value, ...; then fields of it to cut
-- Returns "kept", "moved" (was), or "staged" where the staged table is not there any more.

local name, state, table_op, puts = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[12])

if ARGV[10] == 'was' and (redis.call('HGET', KEYS[1], name) or '') ~= ARGV[11] then
  return 'moved'
end

if table_op == 'swap' then
  if redis.call('EXISTS', KEYS[4]) == 0 then return 'staged' end
  redis.call('RENAME', KEYS[4], KEYS[3])
  redis.call('PERSIST', KEYS[3])
elseif table_op == 'drop' then
  redis.call('UNLINK', KEYS[3])
end
for i = 13, 12 + 2 * puts, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = 13 + 2 * puts, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
if state == '' then
  redis.call('HDEL', KEYS[1], name)
  redis.call('UNLINK', KEYS[2])
else
  redis.call('HSET', KEYS[1], name, state)
end
return 'kept'
