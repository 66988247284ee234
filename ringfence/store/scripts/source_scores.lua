-- Stands in front of the other scripts of sources: until when entries are in a list.
--
-- scores(list, kind, entries)   for each its expiry as text, "inf" in a set, "" where it is not in

local SCORES_AT_ONCE = 1000

local function scores(list, kind, entries)
  local found = {}
  for first = 1, #entries, SCORES_AT_ONCE do
    local last = math.min(first + SCORES_AT_ONCE - 1, #entries)
    local answers = {}
    if kind == 'zset' then answers = redis.call('ZMSCORE', list, unpack(entries, first, last)) end
    if kind == 'set' then answers = redis.call('SMISMEMBER', list, unpack(entries, first, last)) end
    for i = 1, last - first + 1 do
      local answer = answers[i] or ''
      if kind == 'set' then answer = answer == 1 and 'inf' or '' end
      found[#found + 1] = answer
    end
  end
  return found
end
