-- Appends a writer's call records to the stream, each exactly once.
--
-- A client that lost the reply cannot know whether this ran, so it sends the same records again:
-- what is not younger than the writer's last sequence number is skipped.
--
-- KEYS[1]  stream of call records
-- KEYS[2]  hash: writer id -> last sequence number in the stream
-- ARGV[1]  writer id
-- ARGV[2]  about how many records the stream may keep
-- ARGV[3]  last sequence number that the writer knows to be in
-- ARGV[4]  sequence number, ARGV[5] record, and so on in pairs, ascending
--
-- Returns {last, behind}: the writer's last sequence number after this, and 1 where the hash is
-- behind ARGV[3]. Then nothing is written: this Redis has lost what it once acknowledged, and
-- the writer must begin again after `last`.
local last = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
if last < tonumber(ARGV[3]) then
  return {last, 1}
end
local before = last
for n = 4, #ARGV, 2 do
  local sequence = tonumber(ARGV[n])
  if sequence > last then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'record', ARGV[n + 1])
    last = sequence
  end
end
if last > before then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', last))
end
return {last, 0}
