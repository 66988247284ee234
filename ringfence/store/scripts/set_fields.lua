-- Writes and removes many rules and trunks in one step, and announces each hash once; nothing at
-- all where one of them is not what it was. Mirrors read a hash that was touched as a whole, so
-- they need no ids: one announcement a rule would have them take the rules in force in parts.
--
-- KEYS  1 the rules  2 the stream of changes  3 the hash of what was refused  4 the trunks
-- ARGV  1 who  2 at  3 maxlen  4 the most ids that are named in an announcement
--       5... four each: "rule" or "trunk", id, value that it had ("": none), new value ("": remove)
-- Returns the ids that were not what they were; an empty list where all was written.

local common = { who = ARGV[1], at = ARGV[2], maxlen = ARGV[3] }
local hashes, moved = { rule = KEYS[1], trunk = KEYS[4] }, {}
local after = last_change(KEYS[2])

for i = 5, #ARGV, 4 do
  local old = redis.call('HGET', hashes[ARGV[i]], ARGV[i + 1]) or ''
  if old ~= ARGV[i + 2] then moved[#moved + 1] = ARGV[i] .. ' ' .. ARGV[i + 1] end
end
if #moved > 0 then return moved end

local ids = { rule = {}, trunk = {} }
for i = 5, #ARGV, 4 do
  local kind, id, value = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  if value == '' then
    redis.call('HDEL', hashes[kind], id)
  else
    redis.call('HSET', hashes[kind], id, value)
  end
  redis.call('HDEL', KEYS[3], kind == 'rule' and id or kind .. ':' .. id)
  table.insert(ids[kind], id)
end

for _, kind in ipairs({ 'trunk', 'rule' }) do
  local named = math.min(#ids[kind], tonumber(ARGV[4]))
  if named > 0 then
    after = announce(KEYS[2], after, common, {
      'kind', kind .. 's', 'op', 'reload', 'count', #ids[kind],
      'ids', table.concat(ids[kind], ',', 1, named) })
  end
end
return moved
