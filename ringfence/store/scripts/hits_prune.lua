-- Goes through a part of the hits, and drops those of rules that were removed long ago.
--
-- What removes a rule (a command, a hand, an import) knows nothing of hits: the first look that
-- does not find the rule marks its hits as gone, and a much later one drops them.
--
-- KEYS  1 the hash of hits  2 the hash of rules
-- ARGV  1 cursor  2 how many fields, about  3 now  4 dropped where gone before
-- Returns { next cursor, how many were dropped }.

local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local fields, dropped = page[2], 0
for i = 1, #fields, 2 do
  local rule, text = fields[i], fields[i + 1]
  if string.sub(rule, 1, 1) ~= '(' then
    local good, hits = pcall(cjson.decode, text)
    if not good or type(hits) ~= 'table' then hits = {} end
    local gone = tonumber(hits.gone)
    if redis.call('HGET', KEYS[2], rule) then
      if gone then
        hits.gone = nil
        redis.call('HSET', KEYS[1], rule, cjson.encode(hits))
      end
    elseif not gone then
      hits.gone = tonumber(ARGV[3])
      redis.call('HSET', KEYS[1], rule, cjson.encode(hits))
    elseif gone < tonumber(ARGV[4]) then
      redis.call('HDEL', KEYS[1], rule)
      dropped = dropped + 1
    end
  end
end
return { page[1], dropped }
