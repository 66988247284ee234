-- Writes and removes many rules, trunks, callees, providers, notices, disputes and feeds' set-ups
-- in one step, announces each hash once and records each of them; nothing at all where one is not
-- what it was. Mirrors read a hash that was
-- touched as a whole, so they need no ids: one announcement a rule would have them take the rules
-- in force in parts.
--
-- KEYS  1 the rules  2 the stream of changes  3 the hash of what was refused  4 the history
--       5 the trunks  6 the callees  7 the providers  8 the notices  9 the disputes  10 the feeds
-- ARGV  7 operation, for the history  8 the most ids that are named in an announcement
--       9... four each: kind ("rule", "trunk", "callee", "provider", "notice", "dispute" or "feed"),
--       id, value that it had ("": none), new value ("": remove)
-- Returns the ids that were not what they were; an empty list where all was written.

local hashes, moved = { rule = KEYS[1], trunk = KEYS[5], callee = KEYS[6], provider = KEYS[7],
                        notice = KEYS[8], dispute = KEYS[9], feed = KEYS[10] }, {}
local after = last_change(KEYS[2])
local book = open_history(KEYS[4])

for i = 9, #ARGV, 4 do
  local old = redis.call('HGET', hashes[ARGV[i]], ARGV[i + 1]) or ''
  if old ~= ARGV[i + 2] then moved[#moved + 1] = ARGV[i] .. ' ' .. ARGV[i + 1] end
end
if #moved > 0 then return moved end

local ids = { rule = {}, trunk = {}, callee = {}, provider = {}, notice = {}, dispute = {},
              feed = {} }
for i = 9, #ARGV, 4 do
  local kind, id, was, value = unpack(ARGV, i, i + 3)
  if was ~= value then
    record(book, change_of(kind, ARGV[7], id, was ~= '' and was, value ~= '' and value))
  end
  if value == '' then
    redis.call('HDEL', hashes[kind], id)
  else
    redis.call('HSET', hashes[kind], id, value)
  end
  redis.call('HDEL', KEYS[3], kind == 'rule' and id or kind .. ':' .. id)
  table.insert(ids[kind], id)
end

for _, kind in ipairs({ 'provider', 'trunk', 'callee', 'notice', 'dispute', 'feed', 'rule' }) do
  local named = math.min(#ids[kind], tonumber(ARGV[8]))
  if named > 0 then
    after = announce(KEYS[2], after, common, {
      'kind', kind .. 's', 'op', 'reload', 'count', #ids[kind],
      'ids', table.concat(ids[kind], ',', 1, named) })
  end
end
close_history(book)
return moved
